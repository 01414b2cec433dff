/** Runs a network for one size of picture by WebGPU: its operations are steps over buffers of features. */

import type { Weights } from "../../model/ndm";
import type { NetworkSpec } from "../../model/network";
import { graphOf, type Stage } from "../graph";
import { type Pass, packPass, passesOf } from "../packing";
import type { Gpu, Step } from "./gpu";
import { convolutionShader, foldShader, pixelsOf, sumShader } from "./shaders";

/** Most sums of a pass that fit the registers of an invocation. */
const MAX_GROUPS = 4;
const ALIGN = 256;
const VECTOR_BYTES = 16;

interface Queued {
  readonly step: Step;
  /** Weights that the step needs; null if it needs none. */
  readonly pass: Pass | null;
}

interface Loaded {
  readonly mean: Float32Array<ArrayBuffer>;
  /** Bindings of each queued step that has a pass. */
  readonly groups: Map<Queued, GPUBindGroup[]>;
}

export class Network {
  /** Buffer of the residual after `run`. */
  readonly residual: GPUBuffer;
  readonly residualGroups: number;
  /** Side of the square of pixels that one position of the residual becomes. */
  readonly block: number;
  private readonly queue: Queued[];
  private readonly mean: GPUBuffer;
  private readonly loaded = new Map<string, Loaded>();

  constructor(
    private readonly gpu: Gpu,
    spec: NetworkSpec,
    luma: GPUBuffer,
    width: number,
    height: number,
  ) {
    const { fold, block, stages } = graphOf(spec);
    const [columns, rows] = [Math.ceil(width / fold), Math.ceil(height / fold)];
    const groupsOf = (channels: number) => Math.ceil(channels / 4);
    const features = (channels: number) => gpu.storage((columns + 2) * (rows + 2) * groupsOf(channels) * VECTOR_BYTES);
    const size = gpu.uniform(new Uint32Array([width, height, columns, rows]));
    this.mean = gpu.uniform(new Float32Array(4));
    // One for each stage: two by turns would save memory, and need their borders cleared if their widths differ.
    const results = stages.map(({ channels }) => features(channels));
    const queued = ({ operation, layer, channels }: Stage, index: number): Queued[] => {
      const [from, to, all] = [results[index - 1], results[index], groupsOf(channels)];
      switch (operation.op) {
        case "Fold":
          return [
            { step: gpu.tiles(foldShader(operation.factor), [size, luma, to, this.mean], columns, rows), pass: null },
          ];
        case "Add":
          return [
            {
              step: gpu.tiles(sumShader(all), [size, from, results[operation.operation], to], columns, rows),
              pass: null,
            },
          ];
        case "Conv":
          return passesOf(operation, layer, MAX_GROUPS, gpu.device.limits.maxUniformBufferBindingSize).map((pass) => {
            const across = Math.ceil(columns / pixelsOf(pass.groups));
            return { step: gpu.tiles(convolutionShader({ ...pass, all }), [size, from, to], across, rows), pass };
          });
      }
    };
    this.queue = stages.flatMap(queued);
    this.residual = results[results.length - 1];
    this.residualGroups = groupsOf(block ** 2);
    this.block = block;
  }

  load(weights: Weights): void {
    if (this.loaded.has(weights.sha256)) return;
    const aligned = (bytes: number) => Math.ceil(bytes / ALIGN) * ALIGN;
    const total = this.queue.reduce((sum, { pass }) => sum + aligned(pass?.bytes ?? 0), 0);
    const buffer = this.gpu.buffer(total, GPUBufferUsage.UNIFORM);
    const groups = new Map<Queued, GPUBindGroup[]>();
    let offset = 0;
    for (const queued of this.queue) {
      const { step, pass } = queued;
      if (!pass) continue;
      this.gpu.device.queue.writeBuffer(buffer, offset, packPass(weights, pass));
      groups.set(queued, [this.gpu.group(step.pipeline, [{ buffer, offset, size: pass.bytes }], 1)]);
      offset += aligned(pass.bytes);
    }
    this.loaded.set(weights.sha256, { mean: new Float32Array([weights.inputMean, 0, 0, 0]), groups });
  }

  run(pass: GPUComputePassEncoder, weights: Weights): void {
    this.load(weights);
    const { mean, groups } = this.loaded.get(weights.sha256)!;
    this.gpu.device.queue.writeBuffer(this.mean, 0, mean);
    for (const queued of this.queue) this.gpu.run(pass, queued.step, groups.get(queued));
  }
}
