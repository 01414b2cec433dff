/** What a player shows and how. */
export interface Status {
  state: "waiting" | "enhanced" | "plain";
  /** Why a picture is not enhanced, or not every one; empty where all are. */
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
  /** What the menu calls it; no two are called the same. */
  readonly name: string;
  /** BCP 47; empty where the manifest says none. */
  readonly language: string;
  /** The name that the manifest gives it, or nothing. */
  readonly label: string;
  /** In the words of DASH (`main`, `dub`, `commentary`, ...), or nothing. */
  readonly role: string;
  readonly channels: number;
  /** Whether it is the one that is heard. */
  readonly playing: boolean;
}

/** `<neudash-player src="…/manifest.mpd">`; importing the module defines it. */
export class NeudashPlayer extends HTMLElement {
  readonly status: Status;
  readonly video: HTMLVideoElement;
  /** The sound tracks of the film that plays, but for those that this browser cannot play. */
  readonly soundTracks: readonly SoundTrack[];
  /** The place in that list of the one that is heard, to be set by whoever wants another; -1 for none. */
  soundTrack: number;
}

declare global {
  interface HTMLElementEventMap {
    /** A film begins, or another sound track is chosen. */
    soundtrack: CustomEvent<SoundTrack>;
  }
  interface HTMLElementTagNameMap {
    "neudash-player": NeudashPlayer;
  }
}
