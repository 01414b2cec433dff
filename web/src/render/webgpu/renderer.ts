/** Enhances by WebGPU: compute over buffers of 32-bit numbers. */

import type { Weights } from "../../model/ndm";
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
import { Gpu, type Step } from "./gpu";
import { Network } from "./network";
import { Resize } from "./resize";
import { addShader, SHOW } from "./shaders";

interface Sizes {
  readonly source: { y: GPUBuffer; u: GPUBuffer; v: GPUBuffer };
  readonly toInput: Resize | null;
  readonly luma: Resize;
  readonly chroma: Resize[];
  readonly network: Network | null;
  readonly add: Step | null;
  readonly enhanced: GPUBuffer;
  readonly plain: GPUBuffer;
  readonly u: GPUBuffer;
  readonly v: GPUBuffer;
}

export class WebGpuRenderer implements Renderer {
  readonly kind = "webgpu";
  readonly device: string;
  lost = false;
  whenLost?: () => void;
  private readonly gpu: Gpu;
  private readonly context: GPUCanvasContext;
  private readonly show: GPURenderPipeline;
  private readonly view: GPUBuffer;
  private shape: Shape | null = null;
  private sizes: Sizes | null = null;
  private picture: Picture | null = null;
  private isEnhanced = false;

  private constructor(
    private readonly canvas: HTMLCanvasElement,
    adapter: GPUAdapter,
    device: GPUDevice,
  ) {
    this.gpu = new Gpu(device);
    const { vendor, architecture, description } = adapter.info;
    this.device = [vendor, architecture, description].filter(Boolean).join(" ") || "unnamed";
    this.context = canvas.getContext("webgpu")!;
    const format = navigator.gpu.getPreferredCanvasFormat();
    this.context.configure({ device, format, alphaMode: "opaque" });
    const module = device.createShaderModule({ code: SHOW });
    this.show = device.createRenderPipeline({
      layout: "auto",
      vertex: { module },
      fragment: { module, targets: [{ format }] },
      primitive: { topology: "triangle-list" },
    });
    this.view = device.createBuffer({ size: 64, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    void device.lost.then(() => {
      this.lost = true;
      this.whenLost?.();
    });
  }

  /** Opens the renderer. Rejects if there is no device. */
  static async open(canvas: HTMLCanvasElement): Promise<WebGpuRenderer> {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) throw new Error("this browser has no WebGPU, or no device for it");
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    return new WebGpuRenderer(canvas, adapter, device);
  }

  async prepare(shape: Shape): Promise<boolean> {
    if (sameShape(this.shape, shape)) return false;
    this.gpu.freeSizes();
    this.shape = this.picture = null;
    const { device } = this.gpu;
    device.pushErrorScope("validation");
    device.pushErrorScope("out-of-memory");
    this.sizes = this.makeSizes(shape);
    for (const problem of [await device.popErrorScope(), await device.popErrorScope()]) {
      if (problem) throw new Error(problem.message);
    }
    this.shape = shape;
    Object.assign(this.canvas, outputSize(shape));
    return true;
  }

  async draw(picture: Picture, weights: Weights | null, split: number): Promise<void> {
    const { sizes, gpu } = this;
    if (!sizes || this.lost) throw new Error("nothing is prepared");
    this.upload(picture.planes);
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    if (sizes.toInput) for (const step of [sizes.toInput.across, sizes.toInput.finish]) gpu.run(pass, step);
    gpu.run(pass, sizes.luma.across);
    this.isEnhanced = weights !== null && sizes.network !== null;
    if (this.isEnhanced) {
      sizes.network!.run(pass, weights!);
      gpu.run(pass, sizes.add!);
    } else {
      gpu.run(pass, sizes.luma.finish);
    }
    for (const plane of sizes.chroma) for (const step of [plane.across, plane.finish]) gpu.run(pass, step);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    this.picture = picture;
    this.redraw(split);
    await gpu.device.queue.onSubmittedWorkDone();
  }

  redraw(split: number): void {
    const { sizes, gpu, picture } = this;
    if (!sizes || !picture || this.lost) return;
    const { offset, rows } = colourRows(picture.colour);
    const columns = [0, 1, 2].flatMap((column) => [...rows.map((row) => row[column]), 0]);
    const view = new Float32Array([this.canvas.width, this.canvas.height, split, offset, ...columns]);
    gpu.device.queue.writeBuffer(this.view, 0, view);
    const encoder = gpu.device.createCommandEncoder();
    const target = this.context.getCurrentTexture().createView();
    const pass = encoder.beginRenderPass({ colorAttachments: [{ view: target, loadOp: "clear", storeOp: "store" }] });
    pass.setPipeline(this.show);
    const { enhanced, plain, u, v } = sizes;
    pass.setBindGroup(0, gpu.group(this.show, [this.view, this.isEnhanced ? enhanced : plain, plain, u, v]));
    pass.draw(3);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
  }

  async readPlanes(): Promise<Planes> {
    const { sizes, gpu } = this;
    if (!sizes || !this.shape) throw new Error("nothing was drawn");
    const { width, height } = outputSize(this.shape);
    const small = half(width) * half(height);
    const y = await gpu.read(this.isEnhanced ? sizes.enhanced : sizes.plain, width * height);
    return { width, height, y, u: await gpu.read(sizes.u, small), v: await gpu.read(sizes.v, small) };
  }

  destroy(): void {
    this.gpu.device.destroy();
  }

  private upload(planes: Planes): void {
    for (const name of ["y", "u", "v"] as const) {
      const data = planes[name];
      const whole = data.length & ~3;
      const target = this.sizes!.source[name];
      if (whole) this.gpu.device.queue.writeBuffer(target, 0, data as Uint8Array<ArrayBuffer>, 0, whole);
      // Only whole words can be written.
      if (whole < data.length) {
        const rest = new Uint8Array(4);
        rest.set(data.subarray(whole));
        this.gpu.device.queue.writeBuffer(target, whole, rest);
      }
    }
  }

  private makeSizes(shape: Shape): Sizes {
    const { gpu } = this;
    const { width, height, inputWidth, inputHeight, spec } = shape;
    const output = outputSize(shape);
    const [smallIn, smallOut] = [
      [half(width), half(height)],
      [half(output.width), half(output.height)],
    ] as const;
    const plane = (columns: number, rows: number) => gpu.storage(columns * rows);
    const source = { y: plane(width, height), u: plane(...smallIn), v: plane(...smallIn) };
    const [enhanced, plain] = [0, 1].map(() => plane(output.width, output.height));
    const [u, v] = [plane(...smallOut), plane(...smallOut)];
    const same = inputWidth === width && inputHeight === height;
    const input = same ? source.y : plane(inputWidth, inputHeight);
    const toInput = same ? null : new Resize(gpu, source.y, input, width, height, inputWidth, inputHeight);
    const luma = new Resize(gpu, input, plain, inputWidth, inputHeight, output.width, output.height);
    const chroma = [
      new Resize(gpu, source.u, u, ...smallIn, ...smallOut),
      new Resize(gpu, source.v, v, ...smallIn, ...smallOut),
    ];
    const network = spec && new Network(gpu, spec, input, inputWidth, inputHeight);
    const add =
      network &&
      gpu.words(
        addShader(network.block, network.residualGroups),
        [...luma.down, enhanced, network.residual],
        output.width * output.height,
      );
    return { source, toInput, luma, chroma, network, add, enhanced, plain, u, v };
  }
}
