/** The convolutions of one network for one size, by WebGPU. */

import { layersOf, type NetworkSpec } from "../../model/network";
import type { Weights } from "../../model/ndm";
import { packPass, passesOf, type Pass } from "../packing";
import type { Gpu, Step } from "./gpu";
import { convolutionShader, foldShader, pixelsOf } from "./shaders";

/** More sums than these do not fit the registers of an invocation. */
const MAX_GROUPS = 4;
const ALIGN = 256;
const VECTOR_BYTES = 16;

interface Loaded {
  readonly mean: Float32Array<ArrayBuffer>;
  readonly groups: GPUBindGroup[];
}

export class Network {
  /** Where the residual is after `run`. */
  readonly residual: GPUBuffer;
  readonly residualGroups: number;
  private readonly passes: Pass[];
  private readonly fold: Step;
  private readonly steps: Step[];
  private readonly mean: GPUBuffer;
  private readonly loaded = new Map<string, Loaded>();

  constructor(private readonly gpu: Gpu, spec: NetworkSpec, luma: GPUBuffer, width: number, height: number) {
    const [columns, rows] = [Math.ceil(width / spec.fold), Math.ceil(height / spec.fold)];
    const layers = layersOf(spec);
    const features = (channels: number) =>
      gpu.storage((columns + 2) * (rows + 2) * Math.ceil(channels / 4) * VECTOR_BYTES);
    const size = gpu.uniform(new Uint32Array([width, height, columns, rows]));
    this.mean = gpu.uniform(new Float32Array(4));
    this.passes = passesOf(spec, MAX_GROUPS, gpu.device.limits.maxUniformBufferBindingSize);
    const folded = features(spec.fold ** 2);
    // One for each layer: two by turns would save memory, and need their borders cleared where widths differ.
    const between = layers.map(([, outputs]) => features(outputs));
    this.fold = gpu.tiles(foldShader(spec.fold), [size, luma, folded, this.mean], columns, rows);
    this.steps = this.passes.map((pass) => {
      const all = Math.ceil(layers[pass.layer][1] / 4);
      const from = pass.layer === 0 ? folded : between[pass.layer - 1];
      const code = convolutionShader({ ...pass, all });
      return gpu.tiles(code, [size, from, between[pass.layer]], Math.ceil(columns / pixelsOf(pass.groups)), rows);
    });
    this.residual = between[between.length - 1];
    this.residualGroups = Math.ceil(layers[layers.length - 1][1] / 4);
  }

  load(weights: Weights): void {
    if (this.loaded.has(weights.sha256)) return;
    let bytes = 0;
    const offsets = this.passes.map((pass) => {
      const offset = bytes;
      bytes += Math.ceil(pass.bytes / ALIGN) * ALIGN;
      return offset;
    });
    const buffer = this.gpu.buffer(bytes, GPUBufferUsage.UNIFORM);
    const groups = this.passes.map((pass, index) => {
      this.gpu.device.queue.writeBuffer(buffer, offsets[index], packPass(weights, pass));
      return this.gpu.group(this.steps[index].pipeline, [{ buffer, offset: offsets[index], size: pass.bytes }], 1);
    });
    this.loaded.set(weights.sha256, { mean: new Float32Array([weights.inputMean, 0, 0, 0]), groups });
  }

  run(pass: GPUComputePassEncoder, weights: Weights): void {
    this.load(weights);
    const { mean, groups } = this.loaded.get(weights.sha256)!;
    this.gpu.device.queue.writeBuffer(this.mean, 0, mean);
    this.gpu.run(pass, this.fold);
    this.steps.forEach((step, index) => this.gpu.run(pass, step, [groups[index]]));
  }
}
