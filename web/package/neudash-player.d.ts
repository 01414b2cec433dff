/** Reports what a player shows and how. */
export interface Status {
  state: "waiting" | "enhanced" | "plain";
  /** Reason why some or all pictures are not enhanced; empty if all are. */
  reason: string;
  rung: { id: string; width: number; height: number; bandwidthBps: number } | null;
  model: { network: string; sha256: string; gainDb: number | null } | null;
  output: { width: number; height: number } | null;
  renderer: string;
  device: string;
  timeS: number;
  videoBytes: number;
  modelBytes: number;
  bandwidthBps: number;
  msPerFrame: number | null;
  framesEnhanced: number;
  framesPlain: number;
  framesMissed: number;
  framesDropped: number;
  firstEnhancedMs: number | null;
}

/** A sound track: a language or a commentary, in stereo or surround. */
export interface SoundTrack {
  /** Label in the menu; no two are equal. */
  readonly name: string;
  /** BCP 47; empty if the manifest names none. */
  readonly language: string;
  /** Label in the manifest; empty if it has none. */
  readonly label: string;
  /** DASH roles (`main`, `dub`, `commentary`, ...); empty if there are none. */
  readonly role: string;
  readonly channels: number;
  /** True for the track that is heard. */
  readonly playing: boolean;
}

/** `<neudash-player src="…/manifest.mpd">`; importing the module defines it. */
export class NeudashPlayer extends HTMLElement {
  readonly status: Status;
  readonly video: HTMLVideoElement;
  /** Sound tracks of the presentation that this browser can play. */
  readonly soundTracks: readonly SoundTrack[];
  /** Index in that list of the track that is heard, -1 for none; set it to choose another. */
  soundTrack: number;
}

declare global {
  interface HTMLElementEventMap {
    /** A presentation begins, or another sound track is chosen. */
    soundtrack: CustomEvent<SoundTrack>;
  }
  interface HTMLElementTagNameMap {
    "neudash-player": NeudashPlayer;
  }
}
