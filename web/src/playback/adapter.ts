/** Defines what a streaming library has to do for the element. */

import type { Track } from "./tracks";

/** A media segment of a rung that is being requested. */
export interface SegmentRequest {
  readonly rungId: string;
  readonly startS: number;
  readonly endS: number;
}

/** Largest rung that may be chosen. */
export interface Ceiling {
  readonly height: number;
  readonly bandwidthBps: number;
}

export type ChooseSound = (tracks: readonly Track[]) => number;

/** Events of the library during playback. */
export interface AdapterEvents {
  /** Receives the manifest as it arrived, and its address after redirects. */
  manifest(text: string, url: string): void;
  segment(request: SegmentRequest): void;
  /** Counts bytes of video or sound as they arrive. */
  bytes(count: number): void;
  /** Playback cannot continue; not called for what makes `load` reject. */
  failed(reason: string): void;
}

export interface Adapter {
  readonly name: "shaka" | "dashjs";
  /**
   * Begins to play a manifest; rejects if that is impossible. `chooseSound` is asked for the index of the sound track
   * to begin with, before any sound is fetched, unless there is none.
   */
  load(manifestUrl: string, chooseSound: ChooseSound): Promise<void>;
  /**
   * Plays only one rung; null leaves the choice to the library, among those no larger than `ceiling` if one is given.
   */
  selectRung(rungId: string | null, ceiling: Ceiling | null): void;
  /** Returns the sound tracks that this browser can play, in the order of the manifest. */
  readonly sounds: readonly Track[];
  /** Returns the index in that list of the track that is heard; -1 for none. */
  readonly sound: number;
  /** Switches to a sound track; the picture stays as it is. */
  selectSound(index: number): void;
  /** Returns the subtitle tracks. */
  readonly captions: readonly Track[];
  /** Shows the subtitles of an index in that list; null for none. */
  showCaptions(index: number | null): void;
  /** Throughput as the library measures it; 0 before it does. */
  readonly bandwidthBps: number;
  /** Ends playback; a pending load may never settle. */
  destroy(): Promise<void>;
}

export type AdapterName = Adapter["name"];
