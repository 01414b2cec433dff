/** Enhances without a graphics device: a SIMD kernel in workers, drawn on a 2D canvas. */

import type { Weights } from "../../model/ndm";
import {
  type Colour,
  half,
  outputSize,
  type Picture,
  type Planes,
  type Renderer,
  type Shape,
  sameShape,
} from "../renderer";
import type { Drawn, Rows } from "./band";
import { Pool } from "./pool";

const KERNEL = new URL("../../../kernel/built/kernel.wasm", import.meta.url);

export class WasmRenderer implements Renderer {
  readonly kind = "wasm";
  readonly device: string;
  private readonly context: CanvasRenderingContext2D;
  private shape: Shape | null = null;
  private enhanced: Planes | null = null;
  private shown: { plain: VideoFrame; enhanced: VideoFrame } | null = null;

  private constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly pool: Pool,
  ) {
    this.context = canvas.getContext("2d", { alpha: false })!;
    this.device = `processor, ${pool.size} ${pool.size === 1 ? "thread" : "threads"}`;
  }

  /**
   * Opens the renderer. Rejects if the browser has no SIMD, gives the page no decoded planes, or lets no worker start.
   */
  static async open(canvas: HTMLCanvasElement): Promise<WasmRenderer> {
    if (!("VideoFrame" in globalThis)) throw new Error("this browser gives no decoded pictures away here");
    const answer = await fetch(KERNEL);
    if (!answer.ok) throw new Error(`the server answered ${answer.status} for the kernel`);
    const module = await WebAssembly.compile(await answer.arrayBuffer());
    return new WasmRenderer(canvas, await Pool.open(module));
  }

  get lost(): boolean {
    return this.pool.problem !== "";
  }

  async prepare(shape: Shape): Promise<boolean> {
    if (sameShape(this.shape, shape)) return false;
    this.shape = null;
    this.forget();
    await this.pool.prepare(shape);
    this.shape = shape;
    Object.assign(this.canvas, outputSize(shape));
    return true;
  }

  async draw(picture: Picture, weights: Weights | null, split: number): Promise<void> {
    if (!this.shape) throw new Error("nothing is prepared");
    const size = outputSize(this.shape);
    const parts = await this.pool.draw(picture.planes, weights);
    const joined = (width: number, height: number, of: (part: Drawn) => Rows) => join(parts.map(of), width, height);
    const [u, v] = (["u", "v"] as const).map((name) =>
      joined(half(size.width), half(size.height), (part) => part[name]),
    );
    const plain = { ...size, y: joined(size.width, size.height, (part) => part.plain), u, v };
    const enhanced =
      weights && this.shape.spec ? { ...plain, y: joined(size.width, size.height, (part) => part.enhanced!) } : plain;
    this.forget();
    this.enhanced = enhanced;
    this.shown = { plain: frameOf(plain, picture.colour), enhanced: frameOf(enhanced, picture.colour) };
    this.redraw(split);
  }

  redraw(split: number): void {
    if (!this.shown) return;
    const {
      context,
      canvas: { width, height },
    } = this;
    const middle = Math.round(split * width);
    if (middle < width) context.drawImage(this.shown.enhanced, 0, 0);
    if (middle === 0) return;
    context.save();
    context.beginPath();
    context.rect(0, 0, middle, height);
    context.clip();
    context.drawImage(this.shown.plain, 0, 0);
    context.restore();
  }

  async readPlanes(): Promise<Planes> {
    if (!this.enhanced) throw new Error("nothing was drawn");
    return this.enhanced;
  }

  destroy(): void {
    this.forget();
    this.pool.destroy();
  }

  private forget(): void {
    this.shown?.plain.close();
    this.shown?.enhanced.close();
    this.shown = this.enhanced = null;
  }
}

/** Joins the parts of one plane, rows tight. */
function join(parts: Rows[], width: number, height: number): Uint8Array {
  const plane = new Uint8Array(width * height);
  for (const { first, stride, bytes } of parts) {
    if (stride === width) plane.set(bytes, first * width);
    else
      for (let at = 0, row = first; at < bytes.length; at += stride, row++)
        plane.set(bytes.subarray(at, at + width), row * width);
  }
  return plane;
}

const MATRICES = { bt709: "bt709", bt601: "smpte170m", bt2020: "bt2020-ncl" } as const;

/** Draws planes; the browser converts the colours as it does those of the video. */
function frameOf({ width, height, y, u, v }: Planes, { matrix, fullRange }: Colour): VideoFrame {
  const data = new Uint8Array(y.length + u.length + v.length);
  data.set(y);
  data.set(u, y.length);
  data.set(v, y.length + u.length);
  // The types know fewer names than the browsers.
  const named = MATRICES[matrix] as VideoMatrixCoefficients;
  const colorSpace = { matrix: named, fullRange, primaries: "bt709", transfer: "bt709" } as const;
  return new VideoFrame(data, { format: "I420", codedWidth: width, codedHeight: height, timestamp: 0, colorSpace });
}
