import { describe, expect, test } from "vitest";
import { decodeModel, MalformedModelError } from "../src/model/ndm";
import { UnknownNetworkError } from "../src/model/network";

const HASH = "ab".repeat(32);

/** Returns the file of a network c1d0 at scale 1 with fold 2, all of whose layers are biases of 1, 2, ... */
function biasesOnly({ update = false } = {}): Uint8Array {
  const header = [0x4e, 0x44, 0x4d, 0x31, update ? 1 : 0, 2, 1, 1, 0, 1, 120];
  const base = update ? Array.from({ length: 8 }, () => 0xab) : [];
  const halves = [0x3c00, 0x3c00, 0x4000, 0x4200, 0x4400];
  return Uint8Array.from([...header, ...base, 0, 0, ...halves.flatMap((half) => [half & 255, half >> 8])]);
}

function changed(at: number, value: number): Uint8Array {
  const data = biasesOnly();
  data[at] = value;
  return data;
}

test("a file of biases is read", () => {
  const weights = decodeModel(biasesOnly(), HASH);
  expect(weights.inputMean).toBe(120);
  expect(weights.biases.map((bias) => [...bias])).toEqual([[1], [1, 2, 3, 4]]);
  expect(weights.kernels.every((kernel) => kernel.every((value) => value === 0))).toBe(true);
});

test("an update adds to the model it names, and to no other", () => {
  const base = decodeModel(biasesOnly(), HASH);
  const update = biasesOnly({ update: true });
  expect([...decodeModel(update, "cd".repeat(32), base).biases[1]]).toEqual([2, 4, 6, 8]);
  expect(() => decodeModel(update, "cd".repeat(32))).toThrow(MalformedModelError);
  expect(() => decodeModel(update, "cd".repeat(32), { ...base, sha256: "12".repeat(32) })).toThrow(MalformedModelError);
});

describe("hostile files are refused:", () => {
  test("every shorter and longer one", () => {
    const whole = biasesOnly();
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeModel(whole.subarray(0, length), HASH)).toThrow(MalformedModelError);
    }
    expect(() => decodeModel(Uint8Array.from([...whole, 0]), HASH)).toThrow(MalformedModelError);
    expect(() => decodeModel(new Uint8Array((4 << 20) + 1), HASH)).toThrow(MalformedModelError);
  });

  test.each([
    ["unknown flags", 4, 2],
    ["unknown family", 5, 9],
    ["scale 0", 6, 0],
    ["no channels", 7, 0],
    ["too many layers", 8, 17],
    ["another base", 9, 2],
  ])("%s", (_, at, value) => {
    expect(() => decodeModel(changed(at, value), HASH)).toThrow(UnknownNetworkError);
  });

  test.each([
    ["bits outside 2 to 8", 11, 9],
    ["an infinite bias", 14, 0x7c],
    ["a bias that is not a number", 14, 0x7e],
    ["another magic", 0, 0],
  ])("%s", (_, at, value) => {
    expect(() => decodeModel(changed(at, value), HASH)).toThrow(MalformedModelError);
  });
});
