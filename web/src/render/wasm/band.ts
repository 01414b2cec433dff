/** Computes a band of every picture, some rows of the network's positions, with the kernel; runs in a worker. */

import type { Weights } from "../../model/ndm";
import type { Conv } from "../../model/network";
import { type Graph, graphOf } from "../graph";
import { half, outputSize, type Planes, type Shape } from "../renderer";
import { LOBES, resizeTaps, TAPS } from "../taps";

/** Exports of kernel/kernel.ts. */
interface Kernel {
  readonly memory: WebAssembly.Memory;
  fold(
    luma: number,
    width: number,
    height: number,
    fold: number,
    mean: number,
    to: number,
    stride: number,
    first: number,
    count: number,
  ): void;
  convolve8: Convolve;
  convolve4: Convolve;
  sum(one: number, other: number, to: number, columns: number, rows: number, channels: number, stride: number): void;
  across(
    source: number,
    width: number,
    rows: number,
    taps: number,
    widthOut: number,
    stride: number,
    line: number,
    to: number,
  ): void;
  down(
    sums: number,
    stride: number,
    height: number,
    taps: number,
    first: number,
    rows: number,
    plain: number,
    residual: number,
    enhanced: number,
  ): void;
  spread(
    from: number,
    stride: number,
    channels: number,
    columns: number,
    rows: number,
    block: number,
    to: number,
    strideOut: number,
  ): void;
}

type Convolve = (
  from: number,
  to: number,
  weights: number,
  columns: number,
  rows: number,
  inputs: number,
  outputs: number,
  stride: number,
  lowest: number,
) => void;

/** Rows of a plane from `first` on, `stride` bytes each. */
export interface Rows {
  readonly first: number;
  readonly stride: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Result of one worker for a picture; `enhanced` is null without weights. */
export interface Drawn {
  readonly plain: Rows;
  readonly enhanced: Rows | null;
  readonly u: Rows;
  readonly v: Rows;
}

const FLOAT_BYTES = 4;
const LOWEST = -3.4e38;
const PAGE_BYTES = 65536;

const inEights = (length: number) => Math.ceil(length / 8) * 8;
const inFours = (length: number) => Math.ceil(length / 4) * 4;

/** Resizes rows `first` to `end` of one plane. */
class Resize {
  readonly stride: number;
  private readonly across: number;
  private readonly downTaps: number;
  private readonly line: number;
  private readonly sums: number;
  /** Source rows that are needed. */
  private readonly from: number;
  private readonly to: number;

  constructor(
    private readonly band: Band,
    private readonly width: number,
    private readonly height: number,
    private readonly widthOut: number,
    heightOut: number,
    readonly first: number,
    readonly end: number,
    widest = widthOut,
  ) {
    this.stride = inEights(widest);
    const down = resizeTaps(height, heightOut);
    const centre = (row: number) => down[row * (TAPS + 1)];
    this.from = end > first ? Math.max(0, centre(first) - LOBES) : 0;
    this.to = end > first ? Math.min(height, centre(end - 1) + LOBES + 1) : 0;
    this.across = band.put(new Uint8Array(resizeTaps(width, widthOut).buffer));
    this.downTaps = band.put(new Uint8Array(down.buffer));
    this.line = band.take(width + 2 * LOBES + 8);
    this.sums = band.take((this.to - this.from) * this.stride * 2);
  }

  get rows(): number {
    return this.end - this.first;
  }

  /** Resizes a whole plane at `source` to bytes at `plain` and, with a residual, at `enhanced`. */
  run(source: number, plain: number, residual = 0, enhanced = 0): void {
    const { kernel } = this.band;
    const { width, height, widthOut, stride, from } = this;
    kernel.across(source + from * width, width, this.to - from, this.across, widthOut, stride, this.line, this.sums);
    kernel.down(
      this.sums - from * stride * 2,
      stride,
      height,
      this.downTaps,
      this.first,
      this.rows,
      plain,
      residual,
      enhanced,
    );
  }
}

export class Band {
  readonly kernel: Kernel;
  private used = 1024;
  private readonly weights = new Map<string, { at: number[]; mean: number }>();
  private readonly source: { y: number; u: number; v: number };
  private readonly toInput: { resize: Resize; padded: number; luma: number } | null = null;
  private readonly luma: Resize;
  private readonly chroma: Resize;
  private readonly out: { plain: number; enhanced: number; u: number; v: number; residual: number };
  private readonly graph: Graph | null;
  /** Addresses of the network's results and their channels, as the kernel lays them out. */
  private readonly channels: readonly number[];
  private readonly features: number[] = [];
  /** Rows of positions, `first` to `end` of `rows`. */
  private readonly first: number;
  private readonly end: number;
  private readonly rows: number;
  private readonly columns: number;

  /** Makes band number `part` of `parts` equal ones. */
  constructor(
    module: WebAssembly.Module,
    private readonly shape: Shape,
    part: number,
    parts: number,
  ) {
    this.kernel = new WebAssembly.Instance(module, {}).exports as unknown as Kernel;
    const { width, height, inputWidth, inputHeight, spec } = shape;
    this.graph = spec && graphOf(spec);
    const { fold, block } = this.graph ?? { fold: 1, block: 1 };
    const output = outputSize(shape);
    this.columns = Math.ceil(inputWidth / fold);
    this.rows = Math.ceil(inputHeight / fold);
    const share = (length: number, of: number) => Math.floor((length * of) / parts);
    [this.first, this.end] = [share(this.rows, part), share(this.rows, part + 1)];
    const small = [half(width), half(height)] as const;
    this.source = {
      y: this.take(width * height),
      u: this.take(small[0] * small[1]),
      v: this.take(small[0] * small[1]),
    };
    if (inputWidth !== width || inputHeight !== height) {
      const resize = new Resize(this, width, height, inputWidth, inputHeight, 0, inputHeight);
      this.toInput = {
        resize,
        padded: this.take(resize.stride * inputHeight),
        luma: this.take(inputWidth * inputHeight),
      };
    }
    const outRow = (row: number) => Math.min(row * block, output.height);
    const widest = this.columns * block;
    this.luma = new Resize(
      this,
      inputWidth,
      inputHeight,
      output.width,
      output.height,
      outRow(this.first),
      outRow(this.end),
      widest,
    );
    const smallOut = [half(output.width), half(output.height)] as const;
    this.chroma = new Resize(this, ...small, ...smallOut, share(smallOut[1], part), share(smallOut[1], part + 1));
    const bytes = this.luma.stride * this.luma.rows;
    const smallBytes = this.chroma.stride * this.chroma.rows;
    this.out = {
      plain: this.take(bytes),
      enhanced: this.take(bytes),
      u: this.take(smallBytes),
      v: this.take(smallBytes),
      residual: this.take(spec ? this.luma.stride * (this.end - this.first) * block * FLOAT_BYTES : 0),
    };
    this.channels = this.graph ? paddedChannels(this.graph) : [];
    for (const channels of this.channels) {
      this.features.push(this.take(this.stride * (this.end - this.first + 2 * this.halo + 2) * channels * FLOAT_BYTES));
    }
  }

  /** Allocates zeros at an address that suits every type of number. */
  take(bytes: number): number {
    const at = this.used;
    this.used += Math.ceil(bytes / 16) * 16 + 16;
    const missing = this.used - this.kernel.memory.buffer.byteLength;
    if (missing > 0) this.kernel.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return at;
  }

  put(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    new Uint8Array(this.kernel.memory.buffer).set(bytes, at);
    return at;
  }

  load(weights: Weights): void {
    const at = this.graph!.stages.flatMap(({ operation, layer }, index) => {
      if (operation.op !== "Conv") return [];
      return [this.put(new Uint8Array(packLayer(weights, operation, layer, this.channels[index - 1]).buffer))];
    });
    this.weights.set(weights.sha256, { at, mean: weights.inputMean });
  }

  /** Draws this band of a picture, enhanced by weights that were loaded before. */
  draw(planes: Planes, sha256: string | null): Drawn {
    const memory = new Uint8Array(this.kernel.memory.buffer);
    for (const name of ["y", "u", "v"] as const) memory.set(planes[name], this.source[name]);
    const luma = this.inputLuma();
    const { out } = this;
    const isEnhanced = sha256 !== null && this.graph !== null;
    if (isEnhanced) this.network(luma, this.weights.get(sha256)!);
    this.luma.run(luma, out.plain, isEnhanced ? out.residual : 0, out.enhanced);
    this.chroma.run(this.source.u, out.u);
    this.chroma.run(this.source.v, out.v);
    const copy = (at: number, { stride, rows, first }: Resize): Rows => ({
      first,
      stride,
      bytes: memory.slice(at, at + stride * rows),
    });
    return {
      plain: copy(out.plain, this.luma),
      enhanced: isEnhanced ? copy(out.enhanced, this.luma) : null,
      u: copy(out.u, this.chroma),
      v: copy(out.v, this.chroma),
    };
  }

  /** Returns the luma that goes into the network, rows tight. */
  private inputLuma(): number {
    if (!this.toInput) return this.source.y;
    const { resize, padded, luma } = this.toInput;
    const { inputWidth, inputHeight } = this.shape;
    resize.run(this.source.y, padded);
    const memory = new Uint8Array(this.kernel.memory.buffer);
    for (let row = 0; row < inputHeight; row++) {
      memory.copyWithin(
        luma + row * inputWidth,
        padded + row * resize.stride,
        padded + row * resize.stride + inputWidth,
      );
    }
    return luma;
  }

  /** Rows beyond the band that the first stage has to compute for the last one. */
  private get halo(): number {
    return this.graph!.stages[0].margin;
  }

  /** Positions of a row of features, its border included. */
  private get stride(): number {
    return inEights(this.columns) + 2;
  }

  /** Returns the address of a position in a row of features; -1 is the border. */
  private place(stage: number, row: number, column: number): number {
    const [down, across] = [row - this.first + this.halo + 1, column + 1];
    return this.features[stage] + (down * this.stride + across) * this.channels[stage] * FLOAT_BYTES;
  }

  /** Computes the residual of the band's rows. Rows outside the picture are never written, so they stay zero. */
  private network(luma: number, { at, mean }: { at: number[]; mean: number }): void {
    const { kernel, columns, stride } = this;
    const { inputWidth, inputHeight } = this.shape;
    const { stages, block } = this.graph!;
    stages.forEach(({ operation, layer, margin }, index) => {
      const top = Math.max(0, this.first - margin);
      const count = Math.min(this.rows, this.end + margin) - top;
      const to = this.place(index, top, 0);
      const channels = this.channels[index];
      switch (operation.op) {
        case "Fold":
          kernel.fold(luma, inputWidth, inputHeight, operation.factor, mean, to, stride, top, count);
          break;
        case "Conv": {
          const [from, inputs] = [this.place(index - 1, top - 1, -1), this.channels[index - 1]];
          this.convolve(from, to, at[layer], count, inputs, channels, operation.relu ? 0 : LOWEST);
          break;
        }
        case "Add": {
          const [one, other] = [this.place(index - 1, top, 0), this.place(operation.operation, top, 0)];
          kernel.sum(one, other, to, columns, count, channels, stride);
          break;
        }
      }
    });
    const last = stages.length - 1;
    const from = this.place(last, this.first, 0);
    kernel.spread(
      from,
      stride,
      this.channels[last],
      columns,
      this.end - this.first,
      block,
      this.out.residual,
      this.luma.stride,
    );
  }

  /** Runs a convolution, eight output channels at a time while eight are left, then four. */
  private convolve(
    from: number,
    to: number,
    weights: number,
    rows: number,
    inputs: number,
    outputs: number,
    lowest: number,
  ): void {
    const { kernel, columns, stride } = this;
    let at = weights;
    for (let channel = 0; channel < outputs; ) {
      const count = outputs - channel >= 8 ? 8 : 4;
      const convolve = count === 8 ? kernel.convolve8 : kernel.convolve4;
      convolve(from, to + channel * FLOAT_BYTES, at, columns, rows, inputs, outputs, stride, lowest);
      at += (1 + 9 * inputs) * count * FLOAT_BYTES;
      channel += count;
    }
  }
}

/** Returns the channels of each result as the kernel lays them out: those of a convolution come in fours. */
function paddedChannels({ stages }: Graph): number[] {
  const padded: number[] = [];
  stages.forEach(({ operation, channels }, index) => {
    if (operation.op === "Add" && padded[operation.operation] !== padded[index - 1]) {
      throw new Error("the kernel does not add a folded picture of one channel to a convolution");
    }
    padded.push(operation.op === "Add" ? padded[index - 1] : operation.op === "Conv" ? inFours(channels) : channels);
  });
  return padded;
}

/**
 * Packs biases, then [tap][input of `paddedIn`], for eight output channels at a time while eight are left, then four.
 */
function packLayer(
  weights: Weights,
  { inputs, outputs }: Conv,
  layer: number,
  paddedIn: number,
): Float32Array<ArrayBuffer> {
  const [kernel, bias] = [weights.kernels[layer], weights.biases[layer]];
  const paddedOut = inFours(outputs);
  const packed = new Float32Array(paddedOut * (1 + 9 * paddedIn));
  let at = 0;
  for (let first = 0; first < paddedOut; ) {
    const count = paddedOut - first >= 8 ? 8 : 4;
    for (let lane = 0; lane < count && first + lane < outputs; lane++) {
      packed[at + lane] = bias[first + lane];
      for (let tap = 0; tap < 9; tap++) {
        for (let input = 0; input < inputs; input++) {
          packed[at + (1 + tap * paddedIn + input) * count + lane] =
            kernel[(tap * inputs + input) * outputs + first + lane];
        }
      }
    }
    at += count * (1 + 9 * paddedIn);
    first += count;
  }
  return packed;
}
