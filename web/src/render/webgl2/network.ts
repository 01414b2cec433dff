/** Runs a network for one size of picture by WebGL2: its operations are draws into textures of features. */

import type { Weights } from "../../model/ndm";
import type { NetworkSpec } from "../../model/network";
import { graphOf, storesOf } from "../graph";
import { type Pass, packPass, passesOf, shares } from "../packing";
import type { Format, Gl } from "./gl";
import { convolutionShader, foldShader, PAIR, sumShader } from "./shaders";

/** Most sums of a pass, of four channels each, that fit the registers of a pixel. */
const MAX_SUMS = 8;

interface Features {
  readonly texture: WebGLTexture;
  target(first: number, groups: number): WebGLFramebuffer;
}

/** Inputs of a draw beside features: the luma, and a model's weights in a buffer. */
interface Input {
  readonly luma: WebGLTexture;
  readonly mean: number;
  readonly buffer: WebGLBuffer;
}

export class Network {
  /** Side of the square of pixels that one position of the residual becomes. */
  readonly block: number;
  private readonly draws: ((input: Input) => void)[] = [];
  private readonly packed: { pass: Pass; offset: number }[] = [];
  private bytes = 0;
  private readonly buffers = new Map<string, WebGLBuffer>();
  private readonly residual: Features;
  private readonly columns: number;
  private readonly pairs: number;
  private readonly rows: number;

  /** `format` is that of the textures between the operations. Throws if the device cannot hold the network. */
  constructor(
    private readonly gl: Gl,
    spec: NetworkSpec,
    width: number,
    height: number,
    format: Format,
  ) {
    const { gl: context } = gl;
    const maxBytes = context.getParameter(context.MAX_UNIFORM_BLOCK_SIZE) as number;
    const targets = Math.min(MAX_SUMS, context.getParameter(context.MAX_DRAW_BUFFERS) as number);
    const mostGroups = Math.floor(targets / PAIR);
    const graph = graphOf(spec);
    this.block = graph.block;
    this.columns = Math.ceil(width / graph.fold);
    this.pairs = Math.ceil(this.columns / PAIR);
    this.rows = Math.ceil(height / graph.fold);
    const stores = storesOf(graph);
    const mostChannels = (store: number) =>
      Math.max(...graph.stages.map(({ channels }, index) => (stores[index] === store ? channels : 0)));
    const features = Array.from({ length: Math.max(...stores) + 1 }, (_, store) =>
      this.features(mostChannels(store), format),
    );
    const results = stores.map((store) => features[store]);
    graph.stages.forEach(({ operation, layer, channels }, index) => {
      const [from, to] = [results[index - 1], results[index]];
      switch (operation.op) {
        case "Fold":
          for (const share of shares(Math.ceil(channels / 4), mostGroups)) this.addFold(operation.factor, share, to);
          break;
        case "Conv":
          for (const pass of passesOf(operation, layer, mostGroups, maxBytes)) this.addConvolution(pass, from, to);
          break;
        case "Add":
          for (const share of shares(Math.ceil(channels / 4), mostGroups))
            this.addSum(share, from, results[operation.operation], to);
          break;
      }
    });
    this.residual = results[results.length - 1];
  }

  /** Uploads weights to the GPU, each file once. */
  load(weights: Weights): void {
    if (this.buffers.has(weights.sha256)) return;
    const gl = this.gl.gl;
    const buffer = gl.createBuffer()!;
    gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
    gl.bufferData(gl.UNIFORM_BUFFER, this.bytes, gl.STATIC_DRAW);
    for (const { pass, offset } of this.packed) gl.bufferSubData(gl.UNIFORM_BUFFER, offset, packPass(weights, pass));
    this.buffers.set(weights.sha256, buffer);
  }

  /** Computes the residual of an R8 texture of luma, in pairs of columns as the shaders leave it. */
  run(luma: WebGLTexture, weights: Weights): WebGLTexture {
    this.load(weights);
    const input = { luma, mean: weights.inputMean, buffer: this.buffers.get(weights.sha256)! };
    for (const draw of this.draws) draw(input);
    return this.residual.texture;
  }

  free(): void {
    for (const buffer of this.buffers.values()) this.gl.gl.deleteBuffer(buffer);
    this.buffers.clear();
  }

  private addFold(factor: number, { first, groups }: { first: number; groups: number }, to: Features): void {
    const program = this.gl.program(foldShader(factor, first, groups));
    this.draws.push(({ luma, mean }) => {
      this.gl.gl.useProgram(program.program);
      this.gl.gl.uniform1f(program.at("mean"), mean);
      this.gl.fill(program, to.target(first, groups), this.area, { luma });
    });
  }

  private addConvolution(pass: Pass, from: Features, to: Features): void {
    const { gl } = this.gl;
    const program = this.gl.program(convolutionShader({ ...pass, odd: this.columns % PAIR !== 0 }));
    const align = gl.getParameter(gl.UNIFORM_BUFFER_OFFSET_ALIGNMENT) as number;
    const offset = this.bytes;
    this.bytes += Math.ceil(pass.bytes / align) * align;
    this.packed.push({ pass, offset });
    this.draws.push(({ buffer }) => {
      gl.bindBufferRange(gl.UNIFORM_BUFFER, 0, buffer, offset, pass.bytes);
      this.gl.fill(program, to.target(pass.first, pass.groups), this.area, {}, { features: from.texture });
    });
  }

  private addSum(
    { first, groups }: { first: number; groups: number },
    one: Features,
    other: Features,
    to: Features,
  ): void {
    const program = this.gl.program(sumShader(first, groups));
    this.draws.push(() => {
      this.gl.fill(program, to.target(first, groups), this.area, {}, { one: one.texture, other: other.texture });
    });
  }

  /** The part of a texture of features that is written: all but its border. */
  private get area(): [number, number, number, number] {
    return [1, 1, this.pairs, this.rows];
  }

  private features(channels: number, format: Format): Features {
    const texture = this.gl.texture(format, this.pairs + 2, this.rows + 2, PAIR * Math.ceil(channels / 4));
    const targets = new Map<string, WebGLFramebuffer>();
    const target = (first: number, groups: number) => {
      const key = `${first} ${groups}`;
      if (!targets.has(key))
        targets.set(key, this.gl.target([texture], { first: PAIR * first, layers: PAIR * groups }));
      return targets.get(key)!;
    };
    return { texture, target };
  }
}
