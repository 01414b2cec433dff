/** Defines what all renderers have in common. */

import type { Weights } from "../model/ndm";
import { type NetworkSpec, sameSpec } from "../model/network";

/** A decoded picture, 8-bit 4:2:0. */
export interface Planes {
  readonly width: number;
  readonly height: number;
  readonly y: Uint8Array;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
}

/** Picture to draw before the first one has arrived. */
export function blackPicture(width: number, height: number): Picture {
  const plane = () => new Uint8Array(half(width) * half(height)).fill(128);
  const planes = { width, height, y: new Uint8Array(width * height), u: plane(), v: plane() };
  return { planes, colour: { matrix: "bt709", fullRange: false } };
}

/** Conversion from samples to colours. */
export interface Colour {
  readonly matrix: "bt709" | "bt601" | "bt2020";
  readonly fullRange: boolean;
}

/** A picture to be shown. */
export interface Picture {
  readonly planes: Planes;
  readonly colour: Colour;
}

/** Sizes that a renderer is set up for. All that is compiled or allocated depends only on these. */
export interface Shape {
  readonly width: number;
  readonly height: number;
  /** Size that goes into the network. */
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** Network, or null if the picture is only resized to `inputWidth` x `inputHeight`. */
  readonly spec: NetworkSpec | null;
}

export type RendererKind = "webgpu" | "webgl2" | "wasm";

/** Draws pictures on one canvas. */
export interface Renderer {
  readonly kind: RendererKind;
  /** Device that does the work, as the browser names it. */
  readonly device: string;
  /** True once it cannot draw any more, since the device was lost; open another. */
  readonly lost: boolean;
  /** Called when the canvas lost its picture. */
  whenLost?: () => void;
  /** Compiles and allocates; returns false, and does nothing, if `shape` is that of the last call. */
  prepare(shape: Shape): Promise<boolean>;
  /**
   * Draws a picture: enhanced by `weights`, or plain. Left of `split` (0 to 1 of the width) it is plain. Resolves when
   * the work is done, not when it is queued.
   */
  draw(picture: Picture, weights: Weights | null, split: number): Promise<void>;
  /** Draws the last picture again with another split. */
  redraw(split: number): void;
  /** Reads the enhanced picture that was drawn last. */
  readPlanes(): Promise<Planes>;
  destroy(): void;
}

export function sameShape(a: Shape | null, b: Shape): boolean {
  if (a === null || !sameSpec(a.spec, b.spec)) return false;
  const sides = ["width", "height", "inputWidth", "inputHeight"] as const;
  return sides.every((side) => a[side] === b[side]);
}

/** Returns the output size. */
export function outputSize(shape: Shape): { width: number; height: number } {
  const scale = shape.spec?.scale ?? 1;
  return { width: shape.inputWidth * scale, height: shape.inputHeight * scale };
}

/** Returns the size of half-size planes. */
export function half(length: number): number {
  return (length + 1) >> 1;
}

/**
 * Returns the rows of the conversion to RGB of samples in 0 to 1: [r, g, b] = m · [y - offset, u - 128/255, v -
 * 128/255]. ITU-T H.273, table 4.
 */
export function colourRows(colour: Colour): { offset: number; rows: [number, number, number][] } {
  const [red, blue] = { bt709: [0.2126, 0.0722], bt601: [0.299, 0.114], bt2020: [0.2627, 0.0593] }[colour.matrix];
  const green = 1 - red - blue;
  const [luma, chroma] = colour.fullRange ? [1, 1] : [255 / 219, 255 / 224];
  const [toRed, toBlue] = [2 * (1 - red) * chroma, 2 * (1 - blue) * chroma];
  return {
    offset: colour.fullRange ? 0 : 16 / 255,
    rows: [
      [luma, 0, toRed],
      [luma, (-toBlue * blue) / green, (-toRed * red) / green],
      [luma, toBlue, 0],
    ],
  };
}
