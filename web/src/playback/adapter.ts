/** What a streaming library has to do for us, whichever it is. */

import type { Track } from "./tracks";

/** A media segment of a rung that is being asked for. */
export interface SegmentRequest {
  readonly rungId: string;
  readonly startS: number;
  readonly endS: number;
}

/** The largest rung that may be chosen. */
export interface Ceiling {
  readonly height: number;
  readonly bandwidthBps: number;
}

export type ChooseSound = (tracks: readonly Track[]) => number;

/** What it tells while it plays. */
export interface AdapterEvents {
  /** The manifest as it came, and the address that it came from in the end. */
  manifest(text: string, url: string): void;
  segment(request: SegmentRequest): void;
  /** Bytes of video or sound, as they come. */
  bytes(count: number): void;
  /** Playback cannot go on; not told of what makes `load` reject. */
  failed(reason: string): void;
}

export interface Adapter {
  readonly name: "shaka" | "dashjs";
  /**
   * Begins to play a manifest. Rejects where that is impossible. `chooseSound` is asked for the place of the sound track
   * to begin with, before any sound is fetched; never of none.
   */
  load(manifestUrl: string, chooseSound: ChooseSound): Promise<void>;
  /** Keeps to one rung; null leaves the choice to the library, among those no larger than `ceiling` where one is given. */
  selectRung(rungId: string | null, ceiling: Ceiling | null): void;
  /** The sound tracks that this browser can play, in the order of the manifest. */
  readonly sounds: readonly Track[];
  /** The place in that list of the one that is heard; -1 for none. */
  readonly sound: number;
  /** Goes on with that one; the picture stays as it is. */
  selectSound(index: number): void;
  /** The subtitles that there are. */
  readonly captions: readonly Track[];
  /** Those of a place in that list; null for none. */
  showCaptions(index: number | null): void;
  /** Of the network, as the library measures it; 0 before it does. */
  readonly bandwidthBps: number;
  /** A load that is under way may never settle then. */
  destroy(): Promise<void>;
}

export type AdapterName = Adapter["name"];
