/** What the panel tells: is it on, and if not, why not. */

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
  /** Presented while an earlier one was still being worked on, so shown by the video element alone. */
  framesMissed: number;
  /** That the browser itself dropped. */
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
