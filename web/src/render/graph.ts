/** A network's list of operations, read for drawing: what each one makes, and how long that is needed. */

import type { Add, Conv, Fold, NetworkSpec, Operation } from "../model/network";

/** An operation that makes features; the renderers' last step does what remains, AddBase and Shuffle. */
export type FeatureOperation = Fold | Conv | Add;

/** Result of one operation. */
export interface Stage {
  readonly operation: FeatureOperation;
  readonly channels: number;
  /** Index of a convolution's layer in the weights; of no meaning for other operations. */
  readonly layer: number;
  /** Number of convolutions that follow: the rows and columns around a pixel that still influence it. */
  readonly margin: number;
  /** Index of the last stage that reads the result; the number of stages for the last one, which is the residual. */
  readonly lastReader: number;
}

export interface Graph {
  /** Side of the square of luma pixels that makes one position. */
  readonly fold: number;
  /** Side of the square of output pixels that one position becomes. */
  readonly block: number;
  readonly stages: readonly Stage[];
}

/** Returns the graph of a network. Throws an Error if the list is not one that renderers can follow. */
export function graphOf({ name, operations }: NetworkSpec): Graph {
  const fail = (problem: string): never => {
    throw new Error(`network ${name}: ${problem}`);
  };
  const made = operations
    .slice(0, -2)
    .map((operation) => (isFeature(operation) ? operation : fail(`${operation.op} is not at the end`)));
  const [first, base, last] = [made[0], operations.at(-2), operations.at(-1)];
  if (first?.op !== "Fold" || base?.op !== "AddBase" || last?.op !== "Shuffle") {
    return fail("it does not begin with Fold and end with AddBase, Shuffle");
  }
  const channels: number[] = [];
  made.forEach((operation, index) => {
    const before = channels[index - 1];
    if (operation.op === "Fold") {
      if (index > 0) fail("a second Fold");
      channels.push(operation.factor ** 2);
    } else if (operation.op === "Conv") {
      if (operation.inputs !== before) fail(`${before} channels go into a convolution of ${operation.inputs}`);
      channels.push(operation.outputs);
    } else {
      if (channels[operation.operation] !== before)
        fail(`Add of operation ${operation.operation} to ${before} channels`);
      channels.push(before);
    }
  });
  if (channels[made.length - 1] !== last.factor ** 2)
    fail(`${channels[made.length - 1]} channels into squares of side ${last.factor}`);
  const isConvolution = ({ op }: FeatureOperation) => op === "Conv";
  const stages = made.map((operation, index) => ({
    operation,
    channels: channels[index],
    layer: made.slice(0, index).filter(isConvolution).length,
    margin: made.slice(index + 1).filter(isConvolution).length,
    lastReader: made.reduce(
      (reader, other, at) => (other.op === "Add" && other.operation === index ? at : reader),
      index + 1,
    ),
  }));
  return { fold: first.factor, block: last.factor, stages };
}

/** Assigns each stage a store for its result, as few as possible: a store is reused once its last reader ran. */
export function storesOf({ stages }: Graph): number[] {
  const stores: number[] = [];
  const freeAfter: number[] = [];
  stages.forEach(({ lastReader }, index) => {
    const free = freeAfter.findIndex((reader) => reader < index);
    const store = free < 0 ? freeAfter.length : free;
    freeAfter[store] = lastReader;
    stores.push(store);
  });
  return stores;
}

/** Returns the most channels that one convolution of the network sums over. */
export function widestInput({ stages }: Graph): number {
  return Math.max(...stages.map(({ operation }) => (operation.op === "Conv" ? operation.inputs : 0)));
}

function isFeature(operation: Operation): operation is FeatureOperation {
  return operation.op === "Fold" || operation.op === "Conv" || operation.op === "Add";
}
