/** Opens the best renderer of this browser. */

import type { Renderer, RendererKind } from "./renderer";

export type RendererChoice = RendererKind | "auto";

/** Opens a renderer on an unused canvas. Rejects if this browser or device cannot. */
export async function openRenderer(kind: RendererKind, canvas: HTMLCanvasElement): Promise<Renderer> {
  if (kind === "webgpu") return (await import("./webgpu/renderer")).WebGpuRenderer.open(canvas);
  if (kind === "wasm") return (await import("./wasm/renderer")).WasmRenderer.open(canvas);
  return new (await import("./webgl2/renderer")).WebGl2Renderer(canvas);
}

/** Names of devices that are the processor in disguise, slower than the WASM renderer. */
export function isSoftware(device: string): boolean {
  return /swiftshader|llvmpipe|softpipe|basic render|software/i.test(device);
}

const ORDER: readonly RendererKind[] = ["webgpu", "webgl2", "wasm"];

/** Opens the best renderer that works here; each gets a canvas of its own. Rejects with the reasons if none does. */
export async function openBest(
  choice: RendererChoice,
  newCanvas: () => HTMLCanvasElement,
): Promise<{ renderer: Renderer; canvas: HTMLCanvasElement }> {
  const problems: string[] = [];
  let spare: { renderer: Renderer; canvas: HTMLCanvasElement } | null = null;
  for (const kind of choice === "auto" ? ORDER : [choice]) {
    const canvas = newCanvas();
    try {
      const renderer = await openRenderer(kind, canvas);
      const opened = { renderer, canvas };
      if (choice !== "auto" || !isSoftware(renderer.device)) {
        if (spare) dispose(spare);
        return opened;
      }
      if (spare) dispose(opened);
      else spare = opened;
    } catch (error) {
      canvas.remove();
      problems.push(`${kind}: ${(error as Error).message}`);
    }
  }
  if (spare) return spare;
  throw new Error(`this browser cannot enhance (${problems.join("; ")})`);
}

function dispose({ renderer, canvas }: { renderer: Renderer; canvas: HTMLCanvasElement }): void {
  renderer.destroy();
  canvas.remove();
}
