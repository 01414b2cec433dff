/** Wraps the few parts of WebGPU that the renderer needs. */

import { LINE, TILE } from "./shaders";

/** A buffer and the part of it that a binding sees. */
export type Bound = GPUBuffer | { buffer: GPUBuffer; offset: number; size: number };

/** A compute program with its bindings, ready to be queued. */
export interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly groups: GPUBindGroup[];
  readonly workgroups: [number, number];
}

const MAX_WORKGROUPS = 65535;

export class Gpu {
  private readonly pipelines = new Map<string, GPUComputePipeline>();
  private buffers: GPUBuffer[] = [];

  constructor(readonly device: GPUDevice) {}

  /** Returns the program of some code, compiled on first use, for any size. */
  pipeline(code: string): GPUComputePipeline {
    const known = this.pipelines.get(code);
    if (known) return known;
    const module = this.device.createShaderModule({ code });
    const made = this.device.createComputePipeline({ layout: "auto", compute: { module } });
    this.pipelines.set(code, made);
    return made;
  }

  /** Makes a buffer of zeros, in whole words, that lives until `freeSizes`. */
  buffer(bytes: number, usage: number): GPUBuffer {
    const made = this.device.createBuffer({ size: Math.ceil(bytes / 4) * 4, usage: usage | GPUBufferUsage.COPY_DST });
    this.buffers.push(made);
    return made;
  }

  storage(bytes: number): GPUBuffer {
    return this.buffer(bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
  }

  uniform(values: Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>): GPUBuffer {
    const made = this.buffer(values.byteLength, GPUBufferUsage.UNIFORM);
    this.device.queue.writeBuffer(made, 0, values);
    return made;
  }

  table(values: Int16Array): GPUBuffer {
    const made = this.storage(values.length * 4);
    this.device.queue.writeBuffer(made, 0, Int32Array.from(values));
    return made;
  }

  /** Binds buffers in order to group `index` of a program. */
  group(pipeline: GPUComputePipeline | GPURenderPipeline, buffers: Bound[], index = 0): GPUBindGroup {
    const entries = buffers.map((bound, binding) => ({
      binding,
      resource: bound instanceof GPUBuffer ? { buffer: bound } : bound,
    }));
    return this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(index), entries });
  }

  /** Makes a step over every position of a plane. */
  tiles(code: string, buffers: Bound[], width: number, height: number): Step {
    const pipeline = this.pipeline(code);
    return {
      pipeline,
      groups: [this.group(pipeline, buffers)],
      workgroups: [Math.ceil(width / TILE), Math.ceil(height / TILE)],
    };
  }

  /** Makes a step over every word of four pixels. */
  words(code: string, buffers: Bound[], pixels: number): Step {
    const pipeline = this.pipeline(code);
    const count = Math.ceil(pixels / 4 / LINE);
    const rows = Math.ceil(count / MAX_WORKGROUPS);
    return { pipeline, groups: [this.group(pipeline, buffers)], workgroups: [Math.ceil(count / rows), rows] };
  }

  run(pass: GPUComputePassEncoder, step: Step, more: GPUBindGroup[] = []): void {
    pass.setPipeline(step.pipeline);
    for (const [index, group] of [...step.groups, ...more].entries()) pass.setBindGroup(index, group);
    pass.dispatchWorkgroups(...step.workgroups);
  }

  /** Reads the bytes of a buffer back. */
  async read(from: GPUBuffer, bytes: number): Promise<Uint8Array> {
    const to = this.device.createBuffer({ size: from.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
    this.device.queue.submit([encoder.finish()]);
    await to.mapAsync(GPUMapMode.READ);
    const data = new Uint8Array(to.getMappedRange().slice(0, bytes));
    to.destroy();
    return data;
  }

  freeSizes(): void {
    for (const buffer of this.buffers.splice(0)) buffer.destroy();
  }
}
