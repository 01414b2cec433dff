/** Runs Anime4K's network of similar size, from npm, for the measurements only; it is not part of the page. */

import { CNNx2M } from "anime4k-webgpu";

/** A network ready to upscale pictures of one size; `macs` counts its multiply-adds for each input pixel. */
export interface Rival {
  readonly macs: number;
  run(): Promise<void>;
}

export async function openRival(width: number, height: number): Promise<Rival> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("there is no WebGPU device");
  const device = await adapter.requestDevice();
  let matrices = 0;
  const compile = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    matrices += descriptor.code.match(/mat4x4(f|<f32>)\(/g)?.length ?? 0;
    return compile(descriptor);
  };
  const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
  const inputTexture = device.createTexture({ size: [width, height], format: "rgba8unorm", usage });
  const picture = new Uint8Array(4 * width * height).map((_, index) => (index * 37) % 256);
  const network = new CNNx2M({ device, inputTexture });
  return {
    macs: matrices * 16,
    async run() {
      device.queue.writeTexture({ texture: inputTexture }, picture, { bytesPerRow: 4 * width }, [width, height]);
      const encoder = device.createCommandEncoder();
      network.pass(encoder);
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
    },
  };
}
