import { expect, test } from "vitest";
import { convolutionsOf, parseNetwork } from "../src/model/network";
import { packPass, passesOf, shares } from "../src/render/packing";
import { distinctWeights } from "./networks";

test.each([
  [1, 4, [1]],
  [8, 8, [8]],
  [9, 8, [5, 4]],
  [10, 4, [4, 4, 2]],
])("%i groups in shares of at most %i", (all, most, groups) => {
  const found = shares(all, most);
  expect(found.map((share) => share.groups)).toEqual(groups);
  expect(found.map((share) => share.first)).toEqual(
    groups.map((_, at) => groups.slice(0, at).reduce((a, b) => a + b, 0)),
  );
});

test("each weight of a layer is packed once, whatever the passes", () => {
  const spec = parseNetwork("c10d1", 2);
  const weights = distinctWeights(spec);
  convolutionsOf(spec).forEach((convolution, layer) => {
    const wanted = [...weights.kernels[layer], ...weights.biases[layer]].sort((a, b) => a - b);
    for (const most of [1, 2, 8]) {
      const packed = passesOf(convolution, layer, most, 1 << 16).flatMap((pass) => [...packPass(weights, pass)]);
      expect(packed.filter((value) => value !== 0).sort((a, b) => a - b)).toEqual(wanted);
    }
  });
});

test("a device that takes too few bytes is refused", () => {
  const [, hidden] = convolutionsOf(parseNetwork("c64d1", 2));
  expect(() => passesOf(hidden, 1, 8, 1024)).toThrow("takes no weights");
});
