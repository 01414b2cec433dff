/** Enhances by WebGL2: fragment shaders over 16-bit textures. */

import type { Weights } from "../../model/ndm";
import { graphOf, widestInput } from "../graph";
import {
  colourRows,
  half,
  outputSize,
  type Picture,
  type Planes,
  type Renderer,
  type Shape,
  sameShape,
} from "../renderer";
import { type Format, Gl } from "./gl";
import { Network } from "./network";
import { Resize } from "./resize";
import { ADD, FINISH, SHOW } from "./shaders";
import { Source } from "./source";

interface Sizes {
  readonly source: Source;
  readonly toInput: Resize | null;
  readonly input: WebGLTexture;
  readonly inputTarget: WebGLFramebuffer | null;
  readonly luma: Resize;
  readonly chroma: Resize;
  readonly network: Network | null;
  readonly enhanced: WebGLTexture;
  readonly plain: WebGLTexture;
  readonly both: WebGLFramebuffer;
  readonly alone: WebGLFramebuffer;
  readonly u: WebGLTexture;
  readonly v: WebGLTexture;
  readonly targets: { u: WebGLFramebuffer; v: WebGLFramebuffer };
}

/** Widest network for 16-bit features: wider ones sum more numbers, and rounding would show on too many pixels. */
const WIDEST_IN_16_BITS = 16;

export class WebGl2Renderer implements Renderer {
  readonly kind = "webgl2";
  readonly device: string;
  whenLost?: () => void;
  private readonly gl: Gl;
  private shape: Shape | null = null;
  private sizes: Sizes | null = null;
  private picture: Picture | null = null;
  private isEnhanced = false;

  /** Opens the renderer. Throws if the canvas has no WebGL2 or no 16-bit textures that can be drawn to. */
  constructor(private readonly canvas: HTMLCanvasElement) {
    const options = { alpha: false, antialias: false, depth: false, preserveDrawingBuffer: true };
    const gl = canvas.getContext("webgl2", { ...options, powerPreference: "high-performance" });
    if (!gl) throw new Error("this browser has no WebGL2");
    if (!gl.getExtension("EXT_color_buffer_float") && !gl.getExtension("EXT_color_buffer_half_float")) {
      throw new Error("this device draws to no textures of 16-bit numbers");
    }
    this.device = deviceOf(gl);
    this.gl = new Gl(gl);
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.whenLost?.();
    });
  }

  get lost(): boolean {
    return this.gl.gl.isContextLost();
  }

  async prepare(shape: Shape): Promise<boolean> {
    if (sameShape(this.shape, shape)) return false;
    this.sizes?.network?.free();
    this.gl.freeSizes();
    this.shape = null;
    this.picture = null;
    this.sizes = this.makeSizes(shape);
    this.shape = shape;
    const { width, height } = outputSize(shape);
    Object.assign(this.canvas, { width, height });
    return true;
  }

  async draw(picture: Picture, weights: Weights | null, split: number): Promise<void> {
    const sizes = this.sizes;
    if (!sizes || this.lost) throw new Error("nothing is prepared");
    const { source } = sizes;
    source.take(picture.planes);
    if (sizes.toInput) sizes.toInput.run(source.y, sizes.inputTarget!);
    const luma = sizes.toInput ? sizes.input : source.y;
    const area: [number, number, number, number] = [0, 0, sizes.luma.width, sizes.luma.height];
    sizes.luma.across(luma);
    const down = { sums: sizes.luma.sums, taps: sizes.luma.tapsDown };
    if (weights && sizes.network) {
      const residual = sizes.network.run(luma, weights);
      const add = this.gl.program(ADD);
      this.gl.gl.useProgram(add.program);
      this.gl.gl.uniform1i(add.at("block"), sizes.network.block);
      this.gl.fill(add, sizes.both, area, down, { residual });
    } else {
      this.gl.fill(this.gl.program(FINISH), sizes.alone, area, down);
    }
    sizes.chroma.run(source.u, sizes.targets.u);
    sizes.chroma.run(source.v, sizes.targets.v);
    this.picture = picture;
    this.isEnhanced = weights !== null && sizes.network !== null;
    this.redraw(split);
    await this.gl.finished();
  }

  redraw(split: number): void {
    const sizes = this.sizes;
    if (!sizes || !this.picture || this.lost) return;
    const { gl } = this.gl;
    const show = this.gl.program(SHOW);
    const { offset, rows } = colourRows(this.picture.colour);
    const { width, height } = this.canvas;
    gl.useProgram(show.program);
    gl.uniform1f(show.at("split"), split);
    gl.uniform1f(show.at("offset"), offset);
    gl.uniform2f(show.at("size"), width, height);
    gl.uniformMatrix3fv(show.at("toColour"), true, rows.flat());
    const enhanced = this.isEnhanced ? sizes.enhanced : sizes.plain;
    this.gl.fill(show, null, [0, 0, width, height], { enhanced, plain: sizes.plain, u: sizes.u, v: sizes.v });
  }

  async readPlanes(): Promise<Planes> {
    const sizes = this.sizes;
    if (!sizes) throw new Error("nothing was drawn");
    const { width, height } = sizes.luma;
    const y = this.read(this.isEnhanced ? sizes.both : sizes.alone, width, height);
    const [u, v] = [sizes.targets.u, sizes.targets.v].map((target) => this.read(target, half(width), half(height)));
    return { width, height, y, u, v };
  }

  destroy(): void {
    this.sizes?.network?.free();
    this.gl.freeSizes();
    this.gl.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private makeSizes(shape: Shape): Sizes {
    const { gl } = this;
    const { width, height, inputWidth, inputHeight, spec } = shape;
    const output = outputSize(shape);
    const same = inputWidth === width && inputHeight === height;
    const input = gl.texture("R8", inputWidth, inputHeight);
    const [enhanced, plain] = [0, 1].map(() => gl.texture("R8", output.width, output.height));
    const [u, v] = [0, 1].map(() => gl.texture("R8", half(output.width), half(output.height), 0, gl.gl.LINEAR));
    const isWide = spec !== null && widestInput(graphOf(spec)) > WIDEST_IN_16_BITS;
    const format: Format = isWide && this.drawsTo32Bits() ? "RGBA32F" : "RGBA16F";
    return {
      source: new Source(gl, width, height),
      toInput: same ? null : new Resize(gl, width, height, inputWidth, inputHeight),
      input,
      inputTarget: same ? null : gl.target([input]),
      luma: new Resize(gl, inputWidth, inputHeight, output.width, output.height),
      chroma: new Resize(gl, half(width), half(height), half(output.width), half(output.height)),
      network: spec && new Network(gl, spec, inputWidth, inputHeight, format),
      enhanced,
      plain,
      both: gl.target([enhanced, plain]),
      alone: gl.target([plain]),
      u,
      v,
      targets: { u: gl.target([u]), v: gl.target([v]) },
    };
  }

  private drawsTo32Bits(): boolean {
    return this.gl.gl.getExtension("EXT_color_buffer_float") !== null;
  }

  private read(target: WebGLFramebuffer, width: number, height: number): Uint8Array {
    const { gl } = this.gl;
    const pixels = new Uint8Array(4 * width * height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return pixels.filter((_, index) => index % 4 === 0);
  }
}

/**
 * Returns the device's name: Chromium has an extension for it; Firefox a parameter, and it warns about the extension.
 */
function deviceOf(gl: WebGL2RenderingContext): string {
  const masked = String(gl.getParameter(gl.RENDERER));
  const told = masked === "WebKit WebGL" ? gl.getExtension("WEBGL_debug_renderer_info") : null;
  return told ? String(gl.getParameter(told.UNMASKED_RENDERER_WEBGL)) : masked;
}
