/** Makes networks and models for the unit tests. */

import { noWeights, type Weights } from "../src/model/ndm";
import type { NetworkSpec, Operation } from "../src/model/network";

/** Returns a network of four channels in which the second convolution's result is added to the first one's. */
export function networkWithAdd(): NetworkSpec {
  const operations: Operation[] = [
    { op: "Fold", factor: 1 },
    { op: "Conv", inputs: 1, outputs: 4, relu: true },
    { op: "Conv", inputs: 4, outputs: 4, relu: false },
    { op: "Add", operation: 1 },
    { op: "AddBase" },
    { op: "Shuffle", factor: 2 },
  ];
  return { name: "with-add", scale: 2, operations };
}

/** Returns weights that all differ, so that a misplaced one shows. */
export function distinctWeights(spec: NetworkSpec): Weights {
  const weights = noWeights(spec);
  let next = 1;
  for (const values of [...weights.kernels, ...weights.biases]) {
    for (let at = 0; at < values.length; at++) values[at] = next++;
  }
  return weights;
}
