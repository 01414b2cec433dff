/** The convolutions of one network for one size on the GPU. */

import { layersOf, type NetworkSpec } from "../../model/network";
import type { Weights } from "../../model/ndm";
import { packPass, passesOf, type Pass } from "../packing";
import type { Format, Gl } from "./gl";
import { convolutionShader, foldShader } from "./shaders";

/** WebGL2 guarantees as many. */
const MAX_TARGETS = 4;

interface Features {
  readonly texture: WebGLTexture;
  target(first: number, layers: number): WebGLFramebuffer;
}

export class Network {
  private readonly passes: Pass[];
  private readonly offsets: number[];
  private readonly bytes: number;
  private readonly buffers = new Map<string, WebGLBuffer>();
  private readonly folded: Features;
  private readonly sides: [Features, Features];
  private readonly columns: number;
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
    this.passes = passesOf(spec, MAX_TARGETS, maxBytes);
    let at = 0;
    this.offsets = this.passes.map((pass) => {
      const offset = at;
      at += Math.ceil(pass.bytes / align) * align;
      return offset;
    });
    this.bytes = at;
    this.columns = Math.ceil(width / spec.fold);
    this.rows = Math.ceil(height / spec.fold);
    const most = Math.max(...layersOf(spec).map(([, outputs]) => outputs));
    this.folded = this.features(spec.fold ** 2, format);
    this.sides = [this.features(most, format), this.features(most, format)];
    gl.program(foldShader(spec.fold));
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

  /** The residual of an R8 texture of luma; its channels lie in the layers of the texture that is returned. */
  run(luma: WebGLTexture, weights: Weights): WebGLTexture {
    this.load(weights);
    const { gl, columns, rows } = this;
    const area: [number, number, number, number] = [1, 1, columns, rows];
    const fold = gl.program(foldShader(this.spec.fold));
    gl.gl.useProgram(fold.program);
    gl.gl.uniform1f(fold.at("mean"), weights.inputMean);
    gl.fill(fold, this.folded.target(0, Math.ceil(this.spec.fold ** 2 / 4)), area, { luma });
    const buffer = this.buffers.get(weights.sha256)!;
    let source = this.folded;
    this.passes.forEach((pass, index) => {
      const to = this.sides[pass.layer % 2];
      gl.gl.bindBufferRange(gl.gl.UNIFORM_BUFFER, 0, buffer, this.offsets[index], pass.bytes);
      gl.fill(this.programOf(pass), to.target(pass.first, pass.groups), area, {}, { features: source.texture });
      if (this.passes[index + 1]?.layer !== pass.layer) source = to;
    });
    return source.texture;
  }

  free(): void {
    this.buffers.forEach((buffer) => this.gl.gl.deleteBuffer(buffer));
    this.buffers.clear();
  }

  private programOf(pass: Pass) {
    return this.gl.program(convolutionShader(pass));
  }

  private features(channels: number, format: Format): Features {
    const texture = this.gl.texture(format, this.columns + 2, this.rows + 2, Math.ceil(channels / 4));
    const targets = new Map<string, WebGLFramebuffer>();
    const target = (first: number, layers: number) => {
      const key = `${first} ${layers}`;
      if (!targets.has(key)) targets.set(key, this.gl.target([texture], { first, layers }));
      return targets.get(key)!;
    };
    return { texture, target };
  }
}
