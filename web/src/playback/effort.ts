/** How large a network this device can afford: measured, the largest first, smaller ones before none. */

import type { ModelTrack } from "../model/table";

export type Effort = "auto" | "always" | "off";

/** Of the time between two frames, what enhancing one may take: reading it and layout want theirs. */
const SHARE = 0.85;
/** Frames in a row that take too long before that counts. */
const STRIKES = 4;
/** Of the pictures of late, so many may pass by while another is enhanced: the rest of the page takes time as well. */
const MISSED_SHARE = 0.4;
/** So many times too long needs no second look. */
const HOPELESS = 4;
/** A verdict is forgotten after this: the device may have been busy with something else. */
const FORGET_MS = 30_000;
const SMOOTHING = 0.2;
const SMOOTHING_MISSED = 0.08;

/** What enhancing a picture took, and how many passed by while it was read and enhanced. */
export interface Cost {
  readonly ms: number;
  readonly passedBy: number;
}

interface Measured {
  ms: number;
  strikes: number;
  /** Share of the pictures of late that passed by. */
  missed: number;
  tooSlowSinceMs: number | null;
}

/** Time is an argument everywhere. */
export class EffortMeter {
  private readonly measured = new Map<string, Measured>();

  /** The track to use, best rank first; null where all would be too slow. */
  choose(tracks: readonly ModelTrack[], nowMs: number): ModelTrack | null {
    return tracks.find((track) => !this.isTooSlow(track, nowMs)) ?? null;
  }

  /** Another picture was enhanced. */
  took(track: ModelTrack, { ms, passedBy }: Cost, frameIntervalMs: number, nowMs: number): void {
    const known = this.measured.get(track.id) ?? { ms, strikes: 0, missed: 0, tooSlowSinceMs: null };
    known.ms += (ms - known.ms) * SMOOTHING;
    const allowedMs = SHARE * frameIntervalMs;
    known.strikes = ms > HOPELESS * allowedMs ? STRIKES : ms > allowedMs ? known.strikes + 1 : 0;
    known.missed *= 1 - SMOOTHING_MISSED;
    known.missed = 1 - (1 - known.missed) * (1 - SMOOTHING_MISSED) ** passedBy;
    if (known.strikes >= STRIKES || known.missed > MISSED_SHARE) {
      Object.assign(known, { tooSlowSinceMs: nowMs, strikes: 0, missed: 0 });
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

  /** Whether it was found too slow, and not so long ago that the device may have become free since. */
  isTooSlow(track: ModelTrack, nowMs: number): boolean {
    const known = this.measured.get(track.id);
    return known?.tooSlowSinceMs != null && nowMs - known.tooSlowSinceMs < FORGET_MS;
  }
}
