/** Which renderers there are here, best first. */

import type { Renderer, RendererKind } from "./renderer";
import { WebGl2Renderer } from "./webgl2/renderer";

/** Opens one on a canvas that nothing else draws to. Rejects where this browser or device cannot. */
export async function openRenderer(kind: RendererKind, canvas: HTMLCanvasElement): Promise<Renderer> {
  if (kind === "webgl2") return new WebGl2Renderer(canvas);
  throw new Error(`there is no renderer ${kind}`);
}
