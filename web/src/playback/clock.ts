/** Finds the picture that a video element shows, and its time. */

import type { Picture } from "../render/renderer";
import { PlaneReader, type Size } from "./planes";

/** A picture and its presentation time in seconds. */
export interface Taken {
  readonly timeS: number;
  readonly picture: Picture;
}

/** Largest difference, in seconds, between a timestamp and the callback's time if both run on one clock. */
const SANE_S = 0.5;
/** Time before which a counter of whole seconds could pass for a clock. */
const TELLING_S = 1;
/** Number of pictures in a row that no busy page delays. */
const MANY = 5;

/**
 * Tells the time of pictures.
 *
 * `VideoFrame.timestamp` is that of the very pixels in Chromium, while `mediaTime` falls behind on a busy page; in
 * Firefox the timestamp counts whole seconds. So the timestamp is trusted if the two agree, and for good once they did
 * so at a time that tells them apart. `currentTime` is never used: it moves on between pictures.
 */
export class FrameClock {
  private trusted: boolean | null = null;
  private doubts = 0;
  private readonly reader = new PlaneReader();

  /** Source of the times, for reports. */
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
   * Returns the picture on show, valid until the next one; call it within the callback about that picture. Null if
   * there is none. `sizeOf` returns the coded size of a picture that the video shows at a size.
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

/**
 * Returns the frame; null before the first one, and if the browser gives no frames to the page (plain HTTP elsewhere).
 */
function frameOf(video: HTMLVideoElement): VideoFrame | null {
  try {
    return new VideoFrame(video);
  } catch {
    return null;
  }
}
