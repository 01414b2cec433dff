import { describe, expect, test } from "vitest";
import { convolutionsOf, networkOfFamily, parseNetwork, sameSpec, UnknownNetworkError } from "../src/model/network";

describe("a network's name", () => {
  test("chooses the operations", () => {
    expect(parseNetwork("c16d2f2", 2).operations).toEqual([
      { op: "Fold", factor: 2 },
      { op: "Conv", inputs: 4, outputs: 16, relu: true },
      { op: "Conv", inputs: 16, outputs: 16, relu: true },
      { op: "Conv", inputs: 16, outputs: 16, relu: true },
      { op: "Conv", inputs: 16, outputs: 16, relu: false },
      { op: "AddBase" },
      { op: "Shuffle", factor: 4 },
    ]);
  });

  test.each([
    ["c16d2", 1, 16, 2],
    ["c16d2f2", 2, 16, 2],
    ["c24d3f4", 3, 24, 3],
  ])("%s is the network of family %i in a model file", (name, family, width, depth) => {
    const fromFile = networkOfFamily(family, 2, width, depth);
    expect(fromFile).toEqual(parseNetwork(name, 2));
    expect(sameSpec(fromFile, parseNetwork(name, 2))).toBe(true);
  });

  test.each(["", "z9", "c0d1", "c129d1", "c8d17", "c8d2f3", "c08d2", "c8d2x", "C8d2", "c8d2f2 "])(
    "%j is refused",
    (name) => {
      expect(() => parseNetwork(name, 2)).toThrow(UnknownNetworkError);
    },
  );

  test.each([0, 5])("scale %i is refused", (scale) => {
    expect(() => parseNetwork("c8d2", scale)).toThrow(UnknownNetworkError);
  });

  test("at the source's own size needs a fold", () => {
    expect(() => parseNetwork("c8d2", 1)).toThrow(UnknownNetworkError);
    expect(convolutionsOf(parseNetwork("c8d2f2", 1)).at(-1)?.outputs).toBe(4);
  });
});

test("an unknown family of a model file is refused", () => {
  expect(() => networkOfFamily(4, 2, 8, 2)).toThrow(UnknownNetworkError);
});

test("networks are the same if name and scale are", () => {
  expect(sameSpec(parseNetwork("c8d2", 2), parseNetwork("c8d2", 3))).toBe(false);
  expect(sameSpec(parseNetwork("c8d2", 2), null)).toBe(false);
  expect(sameSpec(null, null)).toBe(true);
});
