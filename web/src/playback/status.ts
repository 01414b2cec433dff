/** Describes what the panel shows: whether enhancement is on, and why not. */

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
  /** Pictures presented while an earlier one was being enhanced, so shown by the video element only. */
  framesMissed: number;
  /** Pictures that the browser itself dropped. */
  framesDropped: number;
  /** Milliseconds from the first plain picture to the first enhanced one. */
  firstEnhancedMs: number | null;
}

export function emptyStatus(): Status {
  return {
    state: "waiting",
    reason: "nothing is shown yet",
    rung: null,
    model: null,
    output: null,
    renderer: "none",
    device: "",
    timeS: 0,
    videoBytes: 0,
    modelBytes: 0,
    bandwidthBps: 0,
    msPerFrame: null,
    framesEnhanced: 0,
    framesPlain: 0,
    framesMissed: 0,
    framesDropped: 0,
    firstEnhancedMs: null,
  };
}
