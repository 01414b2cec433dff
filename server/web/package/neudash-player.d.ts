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

/** `<neudash-player src="…/manifest.mpd">`; importing the module defines it. */
export class NeudashPlayer extends HTMLElement {
  readonly status: Status;
  readonly video: HTMLVideoElement;
}

declare global {
  interface HTMLElementTagNameMap {
    "neudash-player": NeudashPlayer;
  }
}
