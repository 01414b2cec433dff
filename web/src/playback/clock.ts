/** Which picture a video element shows, and of what time it is. */

import type { Picture } from "../render/renderer";
import { PlaneReader, type Size } from "./planes";

/** A picture with its place in the presentation, in seconds. */
export interface Taken {
  readonly timeS: number;
  readonly picture: Picture;
}

/** A timestamp further than this from what the callback says belongs to another clock, or to a very busy page. */
const SANE_S = 0.5;
/** Before that, a counter of whole seconds would pass for a clock. */
const TELLING_S = 1;
/** A page is not busy at so many pictures in a row. */
const MANY = 5;

/**
 * The time of pictures. `VideoFrame.timestamp` is that of the very pixels in Chromium, while `mediaTime` falls behind
 * when the page is busy; in Firefox the timestamp counts whole seconds. So it is trusted where the two agree, and once
 * they did so at a telling time it is trusted for good. `currentTime` is never asked: it runs on between pictures.
 */
export class FrameClock {
  private trusted: boolean | null = null;
  private doubts = 0;
  private readonly reader = new PlaneReader();

  /** For reports: where the times come from. */
  get source(): string {
    return this.trusted === false ? "mediaTime" : "timestamp";
  }

  timeOf(timestampUs: number | null, mediaTimeS: number): number {
    if (timestampUs === null) return mediaTimeS;
    const timestampS = timestampUs / 1e6;
    const agrees = Math.abs(timestampS - mediaTimeS) < SANE_S;
    if (this.trusted === null && mediaTimeS >= TELLING_S) {
      this.doubts = agrees ? 0 : this.doubts + 1;
      if (agrees) this.trusted = true;
      else if (this.doubts >= MANY) this.trusted = false;
    }
    return (this.trusted ?? agrees) ? timestampS : mediaTimeS;
  }

  /**
   * The picture on show, valid until the next; to be called within the callback about it. Null where there is none.
   * `sizeOf` says how large the coded picture of a time is which the video shows that large.
   */
  async take(
    video: HTMLVideoElement,
    mediaTimeS: number,
    sizeOf: (timeS: number, shown: Size) => Size,
  ): Promise<Taken | null> {
    const frame = frameOf(video);
    try {
      const timeS = this.timeOf(frame?.timestamp ?? null, mediaTimeS);
      const picture = await this.reader.read(video, frame, (shown) => sizeOf(timeS, shown));
      return picture && { timeS, picture };
    } finally {
      frame?.close();
    }
  }
}

/** Null where nothing is decoded yet, and where the browser gives no frames away (pages from plain HTTP elsewhere). */
function frameOf(video: HTMLVideoElement): VideoFrame | null {
  try {
    return new VideoFrame(video);
  } catch {
    return null;
  }
}
