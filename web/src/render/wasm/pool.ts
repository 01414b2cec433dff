/** Divides each picture among workers, so that the page itself never computes. */

import type { Weights } from "../../model/ndm";
import type { Planes, Shape } from "../renderer";
import type { Drawn } from "./band";
import type { Question } from "./worker";
// In the bundle itself: a page may not start a worker from another host, where the player often comes from.
import KernelWorker from "./worker?worker&inline";

/** Most workers: many logical processors are often two to a core, and the second adds little here. */
const SHARE = 2;
const LEAST = 2;
const MOST = 4;

interface Waiting {
  resolve(answer: { drawn?: Drawn }): void;
  reject(error: Error): void;
}

export class Pool {
  /** Reason why the pool cannot continue; empty while it can. */
  problem = "";
  private readonly workers: { worker: Worker; waiting: Waiting[] }[] = [];
  private loaded = new Set<string>();

  private constructor() {
    const processors = navigator.hardwareConcurrency || 1;
    const count = Math.min(MOST, Math.max(Math.min(LEAST, processors), Math.floor(processors / SHARE)));
    for (let index = 0; index < count; index++) this.start();
  }

  /** Starts the workers. Rejects if the page may not start any. */
  static async open(kernel: WebAssembly.Module): Promise<Pool> {
    const pool = new Pool();
    await pool.ask(() => ({ start: kernel }));
    return pool;
  }

  get size(): number {
    return this.workers.length;
  }

  async prepare(shape: Shape): Promise<void> {
    this.loaded = new Set();
    await this.ask((part) => ({ prepare: { shape, part, parts: this.size } }));
  }

  /** Draws a picture; returns its parts, top to bottom. */
  async draw(planes: Planes, weights: Weights | null): Promise<Drawn[]> {
    if (weights && !this.loaded.has(weights.sha256)) {
      await this.ask(() => ({ load: weights }));
      this.loaded.add(weights.sha256);
    }
    const answers = await this.ask(() => ({ draw: { planes, sha256: weights?.sha256 ?? null } }));
    return answers.map(({ drawn }) => drawn!);
  }

  destroy(): void {
    this.fail("it was closed");
  }

  private start(): void {
    const worker = new KernelWorker();
    const waiting: Waiting[] = [];
    worker.onmessage = ({ data }: MessageEvent<{ problem?: string; drawn?: Drawn }>) => {
      const next = waiting.shift()!;
      if (data.problem === undefined) next.resolve(data);
      else next.reject(new Error(data.problem));
    };
    worker.onerror = ({ message }) => this.fail(message || "a worker does not start here");
    this.workers.push({ worker, waiting });
  }

  private ask(question: (part: number) => Question): Promise<{ drawn?: Drawn }[]> {
    if (this.problem) return Promise.reject(new Error(this.problem));
    return Promise.all(
      this.workers.map(
        ({ worker, waiting }, part) =>
          new Promise<{ drawn?: Drawn }>((resolve, reject) => {
            waiting.push({ resolve, reject });
            worker.postMessage(question(part));
          }),
      ),
    );
  }

  private fail(problem: string): void {
    this.problem ||= problem;
    for (const { worker, waiting } of this.workers) {
      worker.terminate();
      for (const { reject } of waiting.splice(0)) reject(new Error(problem));
    }
  }
}
