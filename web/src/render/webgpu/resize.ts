/** Resizes one plane by WebGPU: along rows, then down columns, exact in whole numbers. */

import { resizeTaps } from "../taps";
import type { Bound, Gpu, Step } from "./gpu";
import { ACROSS, FINISH } from "./shaders";

export class Resize {
  /** Bindings of the step down columns. */
  readonly down: Bound[];
  readonly across: Step;
  readonly finish: Step;

  constructor(
    gpu: Gpu,
    source: GPUBuffer,
    target: GPUBuffer,
    widthIn: number,
    heightIn: number,
    width: number,
    height: number,
  ) {
    const size = gpu.uniform(new Uint32Array([widthIn, heightIn, width, height]));
    const sums = gpu.storage(width * heightIn * 4);
    this.across = gpu.tiles(ACROSS, [size, source, gpu.table(resizeTaps(widthIn, width)), sums], width, heightIn);
    this.down = [size, sums, gpu.table(resizeTaps(heightIn, height)), target];
    this.finish = gpu.words(FINISH, this.down, width * height);
  }
}
