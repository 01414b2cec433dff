import { expect, test } from "vitest";
import type { ModelTrack } from "../src/model/table";
import { EffortMeter } from "../src/playback/effort";

const FRAME_MS = 40;
const [LARGE, SMALL] = [{ id: "large" }, { id: "small" }] as ModelTrack[];

function meterOf(frames: [ModelTrack, number][]): EffortMeter {
  const meter = new EffortMeter();
  for (const [track, ms] of frames) meter.took(track, { ms, passedBy: 0 }, FRAME_MS, 0);
  return meter;
}

test("a network gives way after four slow frames in a row, not three", () => {
  const slow: [ModelTrack, number] = [LARGE, 35];
  expect(meterOf([slow, slow, slow]).choose([LARGE, SMALL], 1)).toBe(LARGE);
  expect(meterOf([slow, slow, slow, [LARGE, 33], slow]).choose([LARGE, SMALL], 1)).toBe(LARGE);
  expect(meterOf([slow, slow, slow, slow]).choose([LARGE, SMALL], 1)).toBe(SMALL);
});

test("a verdict is forgotten after half a minute, or on request", () => {
  const meter = meterOf([
    [LARGE, 137],
    [SMALL, 137],
  ]);
  expect(meter.choose([LARGE, SMALL], 29_000)).toBeNull();
  expect(meter.choose([LARGE, SMALL], 31_000)).toBe(LARGE);
  expect(meter.msOf(LARGE)).toBe(137);
  meter.forget();
  expect(meter.choose([LARGE, SMALL], 1)).toBe(LARGE);
});
