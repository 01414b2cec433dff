/** Reads the planes of the picture that a video element shows: as decoded, or computed from its colours. */

import { type Colour, half, type Picture, type Planes } from "../render/renderer";

/** Colours of planes that were computed from colours: they go back the same way, so the matrix cancels out. */
const OF_COLOURS: Colour = { matrix: "bt709", fullRange: false };

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Reads planes; the result is valid until the next picture. */
export class PlaneReader {
  private copied: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  private made: Planes = { width: 0, height: 0, y: this.copied, u: this.copied, v: this.copied };
  private context: CanvasRenderingContext2D | null = null;

  /**
   * Reads `frame`, the picture on show, if the browser gives frames to the page, else `video`, whose pixels are square:
   * `sizeOf` returns the coded size. Null if there is no picture yet.
   */
  async read(
    video: HTMLVideoElement,
    frame: VideoFrame | null,
    sizeOf: (shown: Size) => Size,
  ): Promise<Picture | null> {
    try {
      if (frame?.visibleRect) return await this.ofFrame(frame, frame.visibleRect);
    } catch {
      // Not every frame lets itself be copied: the video can be painted.
    }
    if (!video.videoWidth) return null;
    const { width, height } = sizeOf({ width: video.videoWidth, height: video.videoHeight });
    this.context ??= document.createElement("canvas").getContext("2d", { alpha: false, willReadFrequently: true })!;
    const { canvas } = this.context;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    this.context.drawImage(video, 0, 0, width, height);
    return this.ofColours(this.context.getImageData(0, 0, width, height).data, width, height);
  }

  private async ofFrame(frame: VideoFrame, { width, height }: DOMRectReadOnly): Promise<Picture> {
    const [columns, rows] = [half(width), half(height)];
    const [luma, chroma] = [width * height, columns * rows];
    if (frame.format !== "I420" && frame.format !== "NV12") {
      const colours = this.bytes(4 * luma);
      await frame.copyTo(colours, { format: "RGBA", layout: [{ offset: 0, stride: 4 * width }] });
      return this.ofColours(colours, width, height);
    }
    const copied = this.bytes(luma + 2 * chroma);
    const pairs = frame.format === "NV12";
    const layout = pairs
      ? [
          { offset: 0, stride: width },
          { offset: luma, stride: 2 * columns },
        ]
      : [
          { offset: 0, stride: width },
          { offset: luma, stride: columns },
          { offset: luma + chroma, stride: columns },
        ];
    await frame.copyTo(copied, { layout });
    const [y, u, v] = [copied.subarray(0, luma), copied.subarray(luma, luma + chroma), copied.subarray(luma + chroma)];
    const planes = pairs ? { ...this.apart(copied.subarray(luma), width, height), y } : { width, height, y, u, v };
    return { planes, colour: colourOf(frame) };
  }

  /** Makes planes with chroma of pixel pairs; luma is left empty. */
  private apart(pairs: Uint8Array, width: number, height: number): Planes {
    const planes = this.planes(width, height);
    for (let at = 0; at < planes.u.length; at++) {
      planes.u[at] = pairs[2 * at];
      planes.v[at] = pairs[2 * at + 1];
    }
    return planes;
  }

  /** Computes planes of `colours`: four bytes a pixel, red first. */
  private ofColours(colours: Uint8Array | Uint8ClampedArray, width: number, height: number): Picture {
    const planes = this.planes(width, height);
    fromColours(colours, planes);
    return { planes, colour: OF_COLOURS };
  }

  private bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.copied.length !== length) this.copied = new Uint8Array(length);
    return this.copied;
  }

  private planes(width: number, height: number): Planes {
    if (this.made.width !== width || this.made.height !== height) {
      const [y, u, v] = [width * height, ...[0, 1].map(() => half(width) * half(height))].map((n) => new Uint8Array(n));
      this.made = { width, height, y, u, v };
    }
    return this.made;
  }
}

/**
 * Computes planes of four bytes a pixel, red first: BT.709, limited range. Chroma lies between two rows, on the left
 * column.
 */
export function fromColours(colours: Uint8Array | Uint8ClampedArray, { width, height, y, u, v }: Planes): void {
  const [red, blue] = [0.2126, 0.0722];
  const green = 1 - red - blue;
  const [luma, chroma] = [219 / 255, 224 / 255];
  const [toU, toV] = [chroma / (2 * (1 - blue)), chroma / (2 * (1 - red))];
  // Written into bytes, numbers lose their fraction: half a level more, and they are rounded.
  for (let at = 0, from = 0; at < y.length; at++, from += 4) {
    y[at] = 16.5 + luma * (red * colours[from] + green * colours[from + 1] + blue * colours[from + 2]);
  }
  for (let row = 0, at = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2, at++) {
      const upper = 4 * (row * width + column);
      const lower = row + 1 < height ? upper + 4 * width : upper;
      const r = (colours[upper] + colours[lower]) / 2;
      const g = (colours[upper + 1] + colours[lower + 1]) / 2;
      const b = (colours[upper + 2] + colours[lower + 2]) / 2;
      const level = red * r + green * g + blue * b;
      u[at] = 128.5 + toU * (b - level);
      v[at] = 128.5 + toV * (r - level);
    }
  }
}

function colourOf(frame: VideoFrame): Colour {
  const { matrix, fullRange } = frame.colorSpace;
  const known: Record<string, Colour["matrix"]> = { smpte170m: "bt601", bt470bg: "bt601", "bt2020-ncl": "bt2020" };
  // Chromium takes what is untagged for BT.709, whatever its size.
  return { matrix: known[matrix ?? ""] ?? "bt709", fullRange: fullRange ?? false };
}
