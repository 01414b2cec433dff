/** Fetches models, checks them and holds them: each file once, in the order in which they were requested. */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { decodeModel, MAX_MODEL_BYTES, MalformedModelError, type Weights } from "./ndm";
import { UnknownNetworkError } from "./network";
import type { ModelFile } from "./table";

/** Pauses before another try, in ms, after each failure to get the bytes. */
const PAUSES_MS = [1000, 2000, 4000, 8000, 16000];
/** Pause after the last of them, if the file is still needed then. */
const REST_MS = 30_000;
const PATIENCE_MS = 20_000;

/** The bytes are not what the manifest promised; another request would bring the same. */
class WrongModelError extends Error {}

/** The server does not have the file, or refuses it. */
class RefusedError extends Error {}
/** Client errors are final, except for these, which are about the moment. */
const REFUSED = 4;
const OF_THE_MOMENT = [408, 425, 429];

interface Held {
  weights: Weights | null;
  problem: string | null;
  /** Earliest time of the next request; infinite while the file is on its way, here, or refused for good. */
  againFromMs: number;
}

export class ModelStore {
  /** Bytes of model files fetched. */
  bytes = 0;
  private readonly files = new Map<string, Held>();
  private queue: Promise<void> = Promise.resolve();
  private readonly stop = new AbortController();

  /** Calls `changed` when a model arrived or failed. */
  constructor(private readonly changed: () => void) {}

  /** Requests every file of a chain that is not here yet. */
  want(chain: readonly ModelFile[]): void {
    for (const [index, file] of chain.entries()) {
      const held = this.files.get(file.sha256) ?? { weights: null, problem: null, againFromMs: 0 };
      if (performance.now() < held.againFromMs) continue;
      held.againFromMs = Infinity;
      this.files.set(file.sha256, held);
      this.queue = this.queue.then(() => this.bring(file, chain[index - 1] ?? null));
    }
  }

  /** Returns the weights of a chain; null until they are here. */
  weights(chain: readonly ModelFile[]): Weights | null {
    return this.files.get(chain[chain.length - 1].sha256)?.weights ?? null;
  }

  /** Returns why the weights are not here; null while they are on their way. */
  problem(chain: readonly ModelFile[]): string | null {
    return chain.map((file) => this.files.get(file.sha256)?.problem).find((problem) => problem) ?? null;
  }

  destroy(): void {
    this.stop.abort();
  }

  private async bring(file: ModelFile, base: ModelFile | null, tries = 0): Promise<void> {
    const held = this.files.get(file.sha256)!;
    try {
      held.weights = await this.decoded(file, base);
      held.problem = null;
    } catch (error) {
      const isFinal =
        error instanceof WrongModelError ||
        error instanceof MalformedModelError ||
        error instanceof UnknownNetworkError;
      held.problem = (error as Error).message;
      if (!isFinal && tries < PAUSES_MS.length) this.later(() => this.bring(file, base, tries + 1), PAUSES_MS[tries]);
      else if (!isFinal && !(error instanceof RefusedError)) held.againFromMs = performance.now() + REST_MS;
    }
    this.changed();
  }

  /** Retries outside the queue, so that the models behind a broken one do not wait. */
  private later(action: () => Promise<void>, ms: number): void {
    setTimeout(() => {
      if (!this.stop.signal.aborted) void action();
    }, ms);
  }

  private async decoded(file: ModelFile, base: ModelFile | null): Promise<Weights> {
    const old = base && this.files.get(base.sha256)?.weights;
    if (base && !old) throw new Error("the model that it updates is not here");
    const data = await this.bytesOf(file);
    return decodeModel(data, file.sha256, old);
  }

  private async bytesOf(file: ModelFile): Promise<Uint8Array> {
    if (file.sizeBytes > MAX_MODEL_BYTES) throw new WrongModelError("the model is too large");
    const signal = AbortSignal.any([this.stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const answer = await fetch(file.url, { signal });
    if (!answer.ok) throw failure(answer.status);
    const data = await atMost(answer, file.sizeBytes);
    this.bytes += data.length;
    if (data.length !== file.sizeBytes) throw new WrongModelError("the model has another size than the manifest says");
    if (bytesToHex(sha256(data)) !== file.sha256) throw new WrongModelError("the model is not the one of the manifest");
    return data;
  }
}

function failure(status: number): Error {
  const isRefused = Math.floor(status / 100) === REFUSED && !OF_THE_MOMENT.includes(status);
  return new (isRefused ? RefusedError : Error)(`the model cannot be fetched: the server answered ${status}`);
}

/** Reads a body, at most `limit` bytes and one more. */
async function atMost(answer: Response, limit: number): Promise<Uint8Array> {
  const data = new Uint8Array(limit + 1);
  let length = 0;
  const reader = answer.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    data.set(value.subarray(0, limit + 1 - length), length);
    length = Math.min(length + value.length, limit + 1);
    if (length > limit) {
      await reader.cancel();
      break;
    }
  }
  return data.subarray(0, length);
}
