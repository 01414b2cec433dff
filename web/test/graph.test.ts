import { describe, expect, test } from "vitest";
import { type Operation, parseNetwork } from "../src/model/network";
import { graphOf, storesOf, widestInput } from "../src/render/graph";
import { networkWithAdd } from "./networks";

test("a chain needs two stores, used by turns", () => {
  const graph = graphOf(parseNetwork("c16d2f2", 2));
  expect(graph).toMatchObject({ fold: 2, block: 4 });
  expect(graph.stages.map(({ channels }) => channels)).toEqual([4, 16, 16, 16, 16]);
  expect(graph.stages.map(({ margin }) => margin)).toEqual([4, 3, 2, 1, 0]);
  expect(storesOf(graph)).toEqual([0, 1, 0, 1, 0]);
  expect(widestInput(graph)).toBe(16);
});

test("a result that is added later keeps its store until then", () => {
  const graph = graphOf(networkWithAdd());
  const stores = storesOf(graph);
  graph.stages.forEach(({ lastReader }, index) => {
    for (let later = index + 1; later <= Math.min(lastReader, stores.length - 1); later++) {
      expect(stores[later]).not.toBe(stores[index]);
    }
  });
  expect(graph.stages[1].lastReader).toBe(3);
});

describe("a list that renderers cannot follow is refused:", () => {
  const fold: Operation = { op: "Fold", factor: 1 };
  const conv: Operation = { op: "Conv", inputs: 1, outputs: 4, relu: false };
  const end: Operation[] = [{ op: "AddBase" }, { op: "Shuffle", factor: 2 }];
  test.each<[string, Operation[]]>([
    ["without a fold", [conv, ...end]],
    ["without its end", [fold, conv]],
    ["with two folds", [fold, fold, conv, ...end]],
    ["with channels that do not match", [fold, { ...conv, inputs: 2 }, ...end]],
    ["with an Add of other channels", [fold, conv, { op: "Add", operation: 0 }, ...end]],
    ["with an Add of what comes later", [fold, conv, { op: "Add", operation: 3 }, ...end]],
    ["with too few channels for its squares", [fold, { ...conv, outputs: 3 }, ...end]],
  ])("%s", (_, operations) => {
    expect(() => graphOf({ name: "odd", scale: 2, operations })).toThrow("network odd");
  });
});
