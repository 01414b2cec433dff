/** How large a network this device can afford: measured, the largest first, smaller ones before none. */

import type { ModelTrack } from "../model/table";

export type Effort = "auto" | "always" | "off";

/** Of the time between two frames, what enhancing one may take: decoding, layout and the viewer want theirs. */
const SHARE = 0.6;
/** Frames in a row that take too long before that counts. */
const STRIKES = 4;
/** So many times too long needs no second look. */
const HOPELESS = 4;
/** A verdict is forgotten after this: the device may have been busy with something else. */
const FORGET_MS = 30_000;
const SMOOTHING = 0.2;

interface Measured {
  ms: number;
  strikes: number;
  tooSlowSinceMs: number | null;
}

/** Time is an argument everywhere. */
export class EffortMeter {
  private readonly measured = new Map<string, Measured>();

  /** The track to use, best rank first; null where all would be too slow. */
  choose(tracks: readonly ModelTrack[], nowMs: number): ModelTrack | null {
    return tracks.find((track) => !this.isTooSlow(track, nowMs)) ?? null;
  }

  /** What enhancing one frame took. */
  took(track: ModelTrack, ms: number, frameIntervalMs: number, nowMs: number): void {
    const known = this.measured.get(track.id) ?? { ms, strikes: 0, tooSlowSinceMs: null };
    known.ms += (ms - known.ms) * SMOOTHING;
    const allowedMs = SHARE * frameIntervalMs;
    known.strikes = ms > HOPELESS * allowedMs ? STRIKES : ms > allowedMs ? known.strikes + 1 : 0;
    if (known.strikes >= STRIKES) {
      known.tooSlowSinceMs = nowMs;
      known.strikes = 0;
    }
    this.measured.set(track.id, known);
  }

  /** Milliseconds a frame of a track, null before it was measured. */
  msOf(track: ModelTrack): number | null {
    return this.measured.get(track.id)?.ms ?? null;
  }

  /** Forgets every verdict: the viewer wants it tried again, or another device does the work. */
  forget(): void {
    this.measured.clear();
  }

  private isTooSlow(track: ModelTrack, nowMs: number): boolean {
    const known = this.measured.get(track.id);
    return known?.tooSlowSinceMs != null && nowMs - known.tooSlowSinceMs < FORGET_MS;
  }
}
