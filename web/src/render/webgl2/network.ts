/** The convolutions of one network for one size on the GPU. */

import { layersOf, type NetworkSpec } from "../../model/network";
import type { Weights } from "../../model/ndm";
import { packPass, passesOf, shares, type Pass } from "../packing";
import type { Format, Gl } from "./gl";
import { convolutionShader, foldShader, PAIR } from "./shaders";

/** More sums than these, of four channels each, do not fit the registers of a pixel. */
const MAX_SUMS = 8;

interface Features {
  readonly texture: WebGLTexture;
  target(first: number, layers: number): WebGLFramebuffer;
}

export class Network {
  private readonly folds: { first: number; groups: number }[];
  private readonly passes: Pass[];
  private readonly offsets: number[];
  private readonly bytes: number;
  private readonly buffers = new Map<string, WebGLBuffer>();
  private readonly folded: Features;
  private readonly sides: [Features, Features];
  private readonly columns: number;
  private readonly pairs: number;
  private readonly rows: number;

  /** `format` is that of what lies between the layers. Throws where the device cannot hold the network. */
  constructor(
    private readonly gl: Gl,
    private readonly spec: NetworkSpec,
    width: number,
    height: number,
    format: Format,
  ) {
    const { gl: context } = gl;
    const maxBytes = context.getParameter(context.MAX_UNIFORM_BLOCK_SIZE) as number;
    const align = context.getParameter(context.UNIFORM_BUFFER_OFFSET_ALIGNMENT) as number;
    const targets = Math.min(MAX_SUMS, context.getParameter(context.MAX_DRAW_BUFFERS) as number);
    const mostGroups = Math.floor(targets / PAIR);
    this.folds = shares(Math.ceil(spec.fold ** 2 / 4), mostGroups);
    this.passes = passesOf(spec, mostGroups, maxBytes);
    let at = 0;
    this.offsets = this.passes.map((pass) => {
      const offset = at;
      at += Math.ceil(pass.bytes / align) * align;
      return offset;
    });
    this.bytes = at;
    this.columns = Math.ceil(width / spec.fold);
    this.pairs = Math.ceil(this.columns / PAIR);
    this.rows = Math.ceil(height / spec.fold);
    const most = Math.max(...layersOf(spec).map(([, outputs]) => outputs));
    this.folded = this.features(spec.fold ** 2, format);
    this.sides = [this.features(most, format), this.features(most, format)];
    for (const { first, groups } of this.folds) gl.program(foldShader(spec.fold, first, groups));
    for (const pass of this.passes) this.programOf(pass);
  }

  /** Puts weights into memory of the GPU; the same file only once. */
  load(weights: Weights): void {
    if (this.buffers.has(weights.sha256)) return;
    const gl = this.gl.gl;
    const buffer = gl.createBuffer()!;
    gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
    gl.bufferData(gl.UNIFORM_BUFFER, this.bytes, gl.STATIC_DRAW);
    this.passes.forEach((pass, index) => gl.bufferSubData(gl.UNIFORM_BUFFER, this.offsets[index], packPass(weights, pass)));
    this.buffers.set(weights.sha256, buffer);
  }

  /** The residual of an R8 texture of luma, in pairs of columns as the shaders leave it. */
  run(luma: WebGLTexture, weights: Weights): WebGLTexture {
    this.load(weights);
    const { gl, pairs, rows } = this;
    const area: [number, number, number, number] = [1, 1, pairs, rows];
    for (const { first, groups } of this.folds) {
      const fold = gl.program(foldShader(this.spec.fold, first, groups));
      gl.gl.useProgram(fold.program);
      gl.gl.uniform1f(fold.at("mean"), weights.inputMean);
      gl.fill(fold, this.folded.target(PAIR * first, PAIR * groups), area, { luma });
    }
    const buffer = this.buffers.get(weights.sha256)!;
    let source = this.folded;
    this.passes.forEach((pass, index) => {
      const to = this.sides[pass.layer % 2];
      gl.gl.bindBufferRange(gl.gl.UNIFORM_BUFFER, 0, buffer, this.offsets[index], pass.bytes);
      const target = to.target(PAIR * pass.first, PAIR * pass.groups);
      gl.fill(this.programOf(pass), target, area, {}, { features: source.texture });
      if (this.passes[index + 1]?.layer !== pass.layer) source = to;
    });
    return source.texture;
  }

  free(): void {
    this.buffers.forEach((buffer) => this.gl.gl.deleteBuffer(buffer));
    this.buffers.clear();
  }

  private programOf(pass: Pass) {
    return this.gl.program(convolutionShader({ ...pass, odd: this.columns % PAIR !== 0 }));
  }

  private features(channels: number, format: Format): Features {
    const texture = this.gl.texture(format, this.pairs + 2, this.rows + 2, PAIR * Math.ceil(channels / 4));
    const targets = new Map<string, WebGLFramebuffer>();
    const target = (first: number, layers: number) => {
      const key = `${first} ${layers}`;
      if (!targets.has(key)) targets.set(key, this.gl.target([texture], { first, layers }));
      return targets.get(key)!;
    };
    return { texture, target };
  }
}
