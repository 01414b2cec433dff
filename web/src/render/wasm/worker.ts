/** Computes one part of every picture in a worker. */

import type { Weights } from "../../model/ndm";
import type { Planes, Shape } from "../renderer";
import { Band } from "./band";

/** A question; answers come in the order of the questions. */
export type Question =
  | { readonly start: WebAssembly.Module }
  | { readonly prepare: { shape: Shape; part: number; parts: number } }
  | { readonly load: Weights }
  | { readonly draw: { planes: Planes; sha256: string | null } };

let module: WebAssembly.Module | null = null;
let band: Band | null = null;

self.onmessage = ({ data }: MessageEvent<Question>) => {
  try {
    answer(data);
  } catch (error) {
    postMessage({ problem: (error as Error).message });
  }
};

function answer(question: Question): void {
  if ("start" in question) {
    module = question.start;
    postMessage({});
  } else if ("prepare" in question) {
    const { shape, part, parts } = question.prepare;
    band = null; // its memory goes before more is taken
    band = new Band(module!, shape, part, parts);
    postMessage({});
  } else if ("load" in question) {
    band!.load(question.load);
    postMessage({});
  } else {
    const drawn = band!.draw(question.draw.planes, question.draw.sha256);
    const rows = [drawn.plain, drawn.enhanced, drawn.u, drawn.v].filter((part) => part !== null);
    postMessage({ drawn }, { transfer: rows.map(({ bytes }) => bytes.buffer) });
  }
}
