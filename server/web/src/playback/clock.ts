/** Which picture a video element shows, and of what time it is. */

import { half, type Colour, type Picture, type Planes } from "../render/renderer";

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
  private buffer = new Uint8Array(0);

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

  /** The picture on show; to be called within the callback about it. Null where there is none. */
  async take(video: HTMLVideoElement, mediaTimeS: number): Promise<Taken | null> {
    if (!("VideoFrame" in globalThis)) return this.bare(video, mediaTimeS);
    let frame: VideoFrame;
    try {
      frame = new VideoFrame(video);
    } catch {
      return null; // nothing is decoded yet
    }
    try {
      const timeS = this.timeOf(frame.timestamp, mediaTimeS);
      const planes = await this.planesOf(frame);
      const { width, height } = planes ?? { width: video.videoWidth, height: video.videoHeight };
      return { timeS, picture: { width, height, planes, video: planes ? null : video, colour: colourOf(frame) } };
    } finally {
      frame.close();
    }
  }

  private bare(video: HTMLVideoElement, timeS: number): Taken | null {
    const { videoWidth: width, videoHeight: height } = video;
    if (!width) return null;
    return { timeS, picture: { width, height, planes: null, video, colour: { matrix: "bt709", fullRange: false } } };
  }

  /** Null where the browser keeps them to itself. They are valid until the next call. */
  private async planesOf(frame: VideoFrame): Promise<Planes | null> {
    const isPair = frame.format === "NV12";
    if ((frame.format !== "I420" && !isPair) || !frame.visibleRect) return null;
    const { width, height } = frame.visibleRect;
    const [columns, rows] = [half(width), half(height)];
    const [luma, chroma] = [width * height, columns * rows];
    if (this.buffer.length !== luma + 4 * chroma) this.buffer = new Uint8Array(luma + 4 * chroma);
    const layout = isPair
      ? [{ offset: 0, stride: width }, { offset: luma + 2 * chroma, stride: 2 * columns }]
      : [{ offset: 0, stride: width }, { offset: luma, stride: columns }, { offset: luma + chroma, stride: columns }];
    try {
      await frame.copyTo(this.buffer, { layout });
    } catch {
      return null;
    }
    const [u, v] = [luma, luma + chroma].map((at) => this.buffer.subarray(at, at + chroma));
    if (isPair) apart(this.buffer.subarray(luma + 2 * chroma), u, v);
    return { width, height, y: this.buffer.subarray(0, luma), u, v };
  }
}

function apart(pairs: Uint8Array, u: Uint8Array, v: Uint8Array): void {
  for (let index = 0; index < u.length; index++) {
    u[index] = pairs[2 * index];
    v[index] = pairs[2 * index + 1];
  }
}

function colourOf(frame: VideoFrame): Colour {
  const { matrix, fullRange } = frame.colorSpace;
  const known: Record<string, Colour["matrix"]> = { smpte170m: "bt601", bt470bg: "bt601", "bt2020-ncl": "bt2020" };
  // Chromium takes what is untagged for BT.709, whatever its size.
  return { matrix: known[matrix ?? ""] ?? "bt709", fullRange: fullRange ?? false };
}
