import { expect, test } from "vitest";
import { resizeTaps, TAPS } from "../src/render/taps";

test.each([
  [90, 180],
  [45, 180],
  [180, 333],
  [7, 56],
])("taps from %i to %i samples sum to one and follow the source", (sizeIn, sizeOut) => {
  const table = resizeTaps(sizeIn, sizeOut);
  let before = 0;
  for (let sample = 0; sample < sizeOut; sample++) {
    const [centre, ...taps] = table.subarray(sample * (TAPS + 1), (sample + 1) * (TAPS + 1));
    expect(taps.reduce((a, b) => a + b)).toBe(128);
    expect(centre).toBeGreaterThanOrEqual(before);
    expect(centre).toBeLessThan(sizeIn);
    before = centre;
  }
});

test("the same size copies", () => {
  expect([...resizeTaps(1, 1)]).toEqual([0, 0, 0, 0, 0, 128, 0, 0, 0, 0]);
});
