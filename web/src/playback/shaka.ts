/** Plays by Shaka Player. */

import shaka from "shaka-player/dist/shaka-player.dash-es2021";
import type { Adapter, AdapterEvents, Ceiling, ChooseSound } from "./adapter";
import { channelsOf, languageTag, mainTrack, type Track } from "./tracks";

/** Thousand of Shaka's error codes that are about requests. */
const NETWORK = 1;
const RETRY_S = 2;
/**
 * Time without bytes after which a seek is begun again: the library can lose one that meets a change of rung. Each wait
 * is twice the one before, since a server may take that long to answer.
 */
const LOST_SEEK_MS = 4000;
const LOOK_MS = 800;
/** Shaka's code of a load that was cancelled or replaced, which is not an error. */
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
  private chooseSound: ChooseSound = mainTrack;
  /** Sound track to play; null before it is chosen. */
  private soundKey: string | null = null;
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
    const { adaptationSetCriteriaFactory: theirs } = player.getConfiguration();
    player.configure({ adaptationSetCriteriaFactory: () => this.criteriaOfChoice(theirs()) });
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

  async load(manifestUrl: string, chooseSound: ChooseSound): Promise<void> {
    this.manifestUrl = manifestUrl;
    this.chooseSound = chooseSound;
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
    this.player.configure({
      abr: { enabled: rungId === null, restrictions: { maxHeight: ceiling?.height ?? Infinity } },
    });
    const all = this.player.getVariantTracks();
    // Each rung is there once for each sound track.
    const heard = all.find(({ active }) => active);
    const tracks = all.filter(({ audioId, hdr }) => (!heard || audioId === heard.audioId) && !isHdr(hdr));
    const isTooLarge =
      ceiling !== null && tracks.some(({ active, height }) => active && (height ?? 0) > ceiling.height);
    const track = tracks.find(({ originalVideoId, height }) =>
      isTooLarge ? height === ceiling.height : originalVideoId === rungId,
    );
    // What is buffered of the other rung goes, or the choice would show only much later, and never while paused.
    if (track) this.player.selectVariantTrack(track, true, 0);
  }

  get sounds(): readonly Track[] {
    return this.soundVariants().map((variant) => soundOf(audioOf(variant)));
  }

  get sound(): number {
    return this.soundVariants().findIndex(({ active }) => active);
  }

  selectSound(index: number): void {
    this.soundKey = keyOf(audioOf(this.soundVariants()[index]));
    const all = this.player.getVariantTracks();
    const shown = all.find(({ active }) => active);
    const track = all.find((one) => one.videoId === shown?.videoId && keyOf(audioOf(one)) === this.soundKey);
    // What is buffered of the other sound goes, or the choice would be heard only much later.
    if (track && !track.active) this.player.selectVariantTrack(track, true, 0);
  }

  get captions(): readonly Track[] {
    return this.player.getTextTracks().map(({ language, label, roles }) => {
      return { language: languageTag(language), label: label ?? "", role: roles[0] ?? "", channels: 0 };
    });
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

  /** Returns one variant of each sound track; for the track that is heard, the variant that plays. */
  private soundVariants(): shaka.extern.Track[] {
    const found = new Map<string, shaka.extern.Track>();
    for (const variant of this.player.getVariantTracks()) {
      const key = keyOf(audioOf(variant));
      if (variant.audioCodec && (variant.active || !found.has(key))) found.set(key, variant);
    }
    return [...found.values()];
  }

  /** Applies the library's own rules to the rungs that can be enhanced and the sound track to play. */
  private criteriaOfChoice(criteria: shaka.extern.AdaptationSetCriteria): shaka.extern.AdaptationSetCriteria {
    const create = criteria.create.bind(criteria);
    criteria.create = (variants) => create(this.ofSound(withoutHdr(variants)));
    return criteria;
  }

  private ofSound(variants: shaka.extern.Variant[]): shaka.extern.Variant[] {
    const sounds = new Map(variants.flatMap(({ audio }) => (audio ? [[keyOf(audio), soundOf(audio)] as const] : [])));
    if (!sounds.size) return variants;
    const keys = [...sounds.keys()];
    this.soundKey ??= keys[this.chooseSound([...sounds.values()])];
    const key = sounds.has(this.soundKey) ? this.soundKey : keys[mainTrack([...sounds.values()])];
    return variants.filter(({ audio }) => audio && keyOf(audio) === key);
  }

  private watchSeek(): void {
    const nowMs = performance.now();
    if (!this.video.seeking || this.isReloading) this.quietSinceMs = nowMs;
    if (nowMs - this.quietSinceMs < this.patienceMs) return;
    this.patienceMs *= 2;
    void this.reload();
  }

  /** Reloads at the current position; loading pauses the video and forgets what was chosen. */
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

function withoutHdr(variants: shaka.extern.Variant[]): shaka.extern.Variant[] {
  const others = variants.filter(({ video }) => !isHdr(video?.hdr));
  return others.length ? others : variants;
}

function isHdr(range: string | null | undefined): boolean {
  return range === "PQ" || range === "HLG";
}

/** Describes a sound track of the library. */
type Audio = Pick<shaka.extern.Stream, "language" | "label" | "roles" | "channelsCount">;

function audioOf({ language, label, audioRoles, channelsCount }: shaka.extern.Track): Audio {
  return { language, label, roles: audioRoles ?? [], channelsCount };
}

function soundOf({ language, label, roles, channelsCount }: Audio): Track {
  const role = roles.includes("main") ? "main" : (roles[0] ?? "");
  return { language: languageTag(language), label: label ?? "", role, channels: channelsOf(channelsCount ?? 0) };
}

/** Returns a key that is equal for all bit rates of one sound track. */
function keyOf(audio: Audio): string {
  return JSON.stringify(soundOf(audio));
}

/** Names of Shaka's error codes by thousands: https://shaka-player-demo.appspot.com/docs/api/shaka.util.Error.html */
function reason(code: number): string {
  const kinds: Record<number, string> = {
    1: "the server cannot be reached, or refuses",
    3: "this browser cannot decode the video",
    4: "the manifest cannot be read",
  };
  return `${kinds[Math.floor(code / 1000)] ?? "playback failed"} (Shaka ${code})`;
}
