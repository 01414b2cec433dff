/** Measures how large a network this device can run: the largest first, smaller ones before none. */

import type { ModelTrack } from "../model/table";

export type Effort = "auto" | "always" | "off";

/** Share of the time between two frames that enhancing may take; reading the frame and layout need the rest. */
const SHARE = 0.85;
/** Frames in a row that must take too long before a network is dropped. */
const STRIKES = 4;
/**
 * Share of recent pictures that may pass by while another is enhanced, since the rest of the page takes time as well.
 */
const MISSED_SHARE = 0.4;
/** Factor above the limit that drops a network at once. */
const HOPELESS = 4;
/** Time after which a verdict is forgotten: the device may have been busy with something else. */
const FORGET_MS = 30_000;
const SMOOTHING = 0.2;
const SMOOTHING_MISSED = 0.08;

/** Time that enhancing a picture took, and the number of pictures that passed by meanwhile. */
export interface Cost {
  readonly ms: number;
  readonly passedBy: number;
}

interface Measured {
  ms: number;
  strikes: number;
  /** Share of recent pictures that passed by. */
  missed: number;
  tooSlowSinceMs: number | null;
}

/** Chooses by measured times; the current time is an argument everywhere. */
export class EffortMeter {
  private readonly measured = new Map<string, Measured>();

  /** Returns the track to use, best rank first; null if all would be too slow. */
  choose(tracks: readonly ModelTrack[], nowMs: number): ModelTrack | null {
    return tracks.find((track) => !this.isTooSlow(track, nowMs)) ?? null;
  }

  /** Records an enhanced picture. */
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

  /** Returns the milliseconds a frame takes with a track; null before it was measured. */
  msOf(track: ModelTrack): number | null {
    return this.measured.get(track.id)?.ms ?? null;
  }

  /** Forgets every verdict: the viewer asks for another try, or another device does the work. */
  forget(): void {
    this.measured.clear();
  }

  /** Returns true if the track was found too slow recently. */
  isTooSlow(track: ModelTrack, nowMs: number): boolean {
    const known = this.measured.get(track.id);
    return known?.tooSlowSinceMs != null && nowMs - known.tooSlowSinceMs < FORGET_MS;
  }
}
