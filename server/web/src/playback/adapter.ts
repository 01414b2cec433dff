/** What a streaming library has to do for us, whichever it is. */

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
  /** Begins to play a manifest. Rejects where that is impossible. */
  load(manifestUrl: string): Promise<void>;
  /** Keeps to one rung; null leaves the choice to the library, among those no larger than `ceiling` where one is given. */
  selectRung(rungId: string | null, ceiling: Ceiling | null): void;
  /** The languages (BCP 47, or "") of the subtitles that there are. */
  readonly captions: readonly string[];
  /** Those of a place in that list; null for none. */
  showCaptions(index: number | null): void;
  /** Of the network, as the library measures it; 0 before it does. */
  readonly bandwidthBps: number;
  /** A load that is under way may never settle then. */
  destroy(): Promise<void>;
}

export type AdapterName = Adapter["name"];
