/** Playback by Shaka Player. */

import shaka from "shaka-player/dist/shaka-player.dash-es2021";
import type { Adapter, AdapterEvents, Ceiling } from "./adapter";

/** Shaka's codes of this thousand are about requests. */
const NETWORK = 1;
const RETRY_S = 2;
/**
 * A seek that meets a change of rung under way can be lost in the library: where no bytes came for so long it is begun
 * anew. Each time it waits twice as long as before, as a server may take that long to answer.
 */
const LOST_SEEK_MS = 4000;
const LOOK_MS = 800;
/** Shaka's code where a load was given up for another, or for good: nobody's problem. */
const LOAD_INTERRUPTED = 7000;

export class ShakaAdapter implements Adapter {
  readonly name = "shaka";

  private quietSinceMs = 0;
  private patienceMs = LOST_SEEK_MS;
  private isReloading = false;
  private manifestUrl = "";
  private rungId: string | null = null;
  private ceiling: Ceiling | null = null;
  private captionIndex: number | null = null;
  private readonly watch: number;

  private constructor(
    private readonly player: shaka.Player,
    private readonly video: HTMLVideoElement,
    private readonly events: AdapterEvents,
  ) {
    this.watch = window.setInterval(() => this.watchSeek(), LOOK_MS);
    const { RequestType, AdvancedRequestType } = shaka.net.NetworkingEngine;
    const network = player.getNetworkingEngine()!;
    network.registerRequestFilter((type, request, context) => {
      const isMedia = type === RequestType.SEGMENT && context?.type === AdvancedRequestType.MEDIA_SEGMENT;
      if (!isMedia || context.stream?.type !== "video" || !context.segment) return;
      const [startS, endS] = [context.segment.getStartTime(), context.segment.getEndTime()];
      const { streamDataCallback: theirs } = request;
      request.streamDataCallback = async (data) => {
        this.quietSinceMs = performance.now();
        await theirs?.(data);
      };
      events.segment({ rungId: context.stream.originalId ?? "", startS, endS });
    });
    network.registerResponseFilter((type, response) => {
      if (type === RequestType.MANIFEST) events.manifest(new TextDecoder().decode(response.data), response.uri);
      else if (type === RequestType.SEGMENT) events.bytes(response.data.byteLength);
    });
    player.addEventListener("error", (event) => {
      const { code, severity } = (event as unknown as { detail: { code: number; severity: number } }).detail;
      if (severity !== shaka.util.Error.Severity.CRITICAL) return;
      // A server that is away comes back: what is buffered plays on, and it is asked again.
      if (Math.floor(code / 1000) === NETWORK && player.retryStreaming(RETRY_S)) return;
      this.fail(code);
    });
  }

  static async attached(video: HTMLVideoElement, events: AdapterEvents): Promise<ShakaAdapter> {
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    await player.attach(video);
    return new ShakaAdapter(player, video, events);
  }

  async load(manifestUrl: string): Promise<void> {
    this.manifestUrl = manifestUrl;
    // A server that restarts is away for seconds: longer than the library waits by itself.
    const retryParameters = { maxAttempts: 8, baseDelay: 500, backoffFactor: 1.6, timeout: 30_000 };
    this.player.configure({ streaming: { retryParameters } });
    try {
      await this.player.load(manifestUrl);
    } catch (error) {
      throw new Error(reason((error as { code?: number }).code ?? 0));
    }
  }

  selectRung(rungId: string | null, ceiling: Ceiling | null): void {
    this.rungId = rungId;
    this.ceiling = ceiling;
    this.player.configure({ abr: { enabled: rungId === null, restrictions: { maxHeight: ceiling?.height ?? Infinity } } });
    const tracks = this.player.getVariantTracks();
    const isTooLarge = ceiling !== null && tracks.some(({ active, height }) => active && (height ?? 0) > ceiling.height);
    const track = tracks.find(({ originalVideoId, height }) => (isTooLarge ? height === ceiling.height : originalVideoId === rungId));
    // What is buffered of the other rung goes, or the choice would show only much later, and never while paused.
    if (track) this.player.selectVariantTrack(track, true, 0);
  }

  get captions(): readonly string[] {
    return this.player.getTextTracks().map(({ language }) => language);
  }

  showCaptions(index: number | null): void {
    this.captionIndex = index;
    this.player.selectTextTrack(index === null ? null : this.player.getTextTracks()[index]);
  }

  get bandwidthBps(): number {
    return this.player.getStats().estimatedBandwidth || 0;
  }

  async destroy(): Promise<void> {
    window.clearInterval(this.watch);
    await this.player.destroy();
  }

  private watchSeek(): void {
    const nowMs = performance.now();
    if (!this.video.seeking || this.isReloading) this.quietSinceMs = nowMs;
    if (nowMs - this.quietSinceMs < this.patienceMs) return;
    this.patienceMs *= 2;
    void this.reload();
  }

  /** Begins anew where the video is, as it is: loading pauses it, and forgets what was chosen. */
  private async reload(): Promise<void> {
    const { currentTime, paused } = this.video;
    this.isReloading = true;
    try {
      await this.player.load(this.manifestUrl, currentTime);
      this.selectRung(this.rungId, this.ceiling);
      if (this.captionIndex !== null) this.showCaptions(this.captionIndex);
      if (!paused) void this.video.play().catch(() => undefined);
    } catch (error) {
      const { code } = error as { code?: number };
      if (code !== LOAD_INTERRUPTED) this.fail(code ?? 0);
    } finally {
      this.isReloading = false;
    }
  }

  private fail(code: number): void {
    this.events.failed(reason(code));
  }
}

/** Shaka's codes by thousands: https://shaka-player-demo.appspot.com/docs/api/shaka.util.Error.html */
function reason(code: number): string {
  const kinds: Record<number, string> = {
    1: "the server cannot be reached, or refuses", 3: "this browser cannot decode the video", 4: "the manifest cannot be read",
  };
  return `${kinds[Math.floor(code / 1000)] ?? "playback failed"} (Shaka ${code})`;
}
