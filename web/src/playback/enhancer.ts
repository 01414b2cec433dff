/** Enhances what a video element shows, frame by frame, on a canvas over it; the video plays on if anything fails. */

import type { Weights } from "../model/ndm";
import { sameSpec } from "../model/network";
import { ModelStore } from "../model/store";
import { type ModelTrack, parseTable, type Rung, type Table, type Use, useAt } from "../model/table";
import type { RendererChoice } from "../render/open";
import { outputSize, type Shape } from "../render/renderer";
import type { SegmentRequest } from "./adapter";
import { FrameClock, type Taken } from "./clock";
import { type Effort, EffortMeter } from "./effort";
import { Screen } from "./screen";
import { ShownRungs } from "./shown";
import { emptyStatus, type Status } from "./status";

/** Decision about a picture: a track with its weights, or the reason why there is none. */
interface Decision {
  readonly rung: Rung | null;
  readonly track: ModelTrack | null;
  readonly use: Use | null;
  readonly weights: Weights | null;
  readonly reason: string;
}

/** Half a frame at 60 frames a second: a picture belongs to the segment that begins within that time. */
const TOLERANCE_S = 1 / 120;
/** Time after which an enhanced picture is not shown: the video has moved on. */
const STALE_MS = 200;
const SKIPS = "some pictures are skipped, as this device is slow";
const TOO_SLOW =
  "this device is too slow for the models of this rung; a smaller rung may do, and a paused picture is enhanced";

export class Enhancer {
  readonly status: Status = emptyStatus();
  effort: Effort = "auto";
  /** True while the viewer compares: a visible difference then matters more than every picture. */
  comparing = false;
  private table: Table | null = null;
  private tableProblem = "the manifest is not here yet";
  private split_ = 0;
  private busy = false;
  private again = false;
  /** Pictures presented since the one that is being enhanced. */
  private passedBy = 0;
  private readonly ended = new AbortController();
  private lastMediaTimeS = 0;
  private firstPlainMs: number | null = null;
  private readonly screen: Screen;
  private readonly clock = new FrameClock();
  private readonly meter = new EffortMeter();
  private readonly shown = new ShownRungs();
  readonly store = new ModelStore(() => this.refresh());

  /** Puts canvases into `stage`, over `video`, and calls `changed` when the status changed. */
  constructor(
    private readonly video: HTMLVideoElement,
    stage: HTMLElement,
    choice: RendererChoice,
    private readonly changed: (status: Status) => void,
  ) {
    this.screen = new Screen(
      stage,
      choice,
      ({ kind, device }) => {
        this.meter.forget();
        Object.assign(this.status, { renderer: kind, device });
      },
      () => this.refresh(),
    );
    if (!("requestVideoFrameCallback" in video)) this.screen.problem = "this browser tells nobody which frame it shows";
    else this.listen();
  }

  /** Sets the share of the width, 0 to 1, left of which the picture is plain. */
  set split(split: number) {
    if (split === this.split_) return;
    this.split_ = split;
    this.screen.renderer?.redraw(split);
  }

  /** Opens a renderer while the streaming library and the manifest are on their way. */
  begin(): void {
    if (this.effort !== "off" && !this.screen.problem) void this.screen.open();
  }

  manifest(text: string, url: string): void {
    try {
      this.table = parseTable(text, url);
    } catch (error) {
      this.table = null;
      this.status.reason = this.tableProblem = (error as Error).message;
    }
  }

  private get stopped(): boolean {
    return this.ended.signal.aborted;
  }

  get rungs(): readonly Rung[] {
    return this.table?.rungs ?? [];
  }

  /** Returns the largest rung that has models this page can read. */
  get largestWithModels(): Rung | null {
    const withModels = this.rungs.filter(({ tracks }) => tracks.length > 0);
    return withModels.reduce<Rung | null>(
      (best, rung) => (best && best.bandwidthBps >= rung.bandwidthBps ? best : rung),
      null,
    );
  }

  /** Requests the model of a segment that is being fetched. */
  segment(request: SegmentRequest): void {
    this.shown.add(request);
    if (this.effort === "off") return;
    const rung = this.rungs.find(({ id }) => id === request.rungId);
    const track = rung && this.trackInTime(rung);
    const use = track && useAt(track, request.startS + TOLERANCE_S);
    if (use) this.store.want(use.chain);
    if (use?.chain.length) this.screen.warm(shapeOf(rung!, track!));
  }

  bytes(count: number): void {
    this.status.videoBytes += count;
  }

  setEffort(effort: Effort): void {
    this.effort = effort;
    this.meter.forget();
    this.refresh();
  }

  /** Returns the planes of the picture that was drawn last; for tests. */
  readPlanes() {
    return this.screen.renderer!.readPlanes();
  }

  /** Enhances the picture on show once more, since something about it changed. */
  refresh(): void {
    if (this.video.readyState >= 2 && this.video.paused) void this.work(this.lastMediaTimeS);
  }

  destroy(): void {
    this.ended.abort();
    this.store.destroy();
    this.screen.destroy();
  }

  private listen(): void {
    this.listenForNext();
    this.video.addEventListener("pause", () => this.refresh(), { signal: this.ended.signal });
  }

  private listenForNext(): void {
    this.video.requestVideoFrameCallback((_now, { mediaTime }) => {
      if (this.stopped) return;
      this.listenForNext();
      this.lastMediaTimeS = mediaTime;
      if (this.busy) {
        this.passedBy++;
        this.status.framesMissed++;
      }
      void this.work(mediaTime);
    });
  }

  private async work(mediaTimeS: number): Promise<void> {
    if (this.busy) {
      // Of a picture that stays the last one must not be missed.
      this.again = true;
      return;
    }
    this.busy = true;
    this.passedBy = 0;
    try {
      await this.show(mediaTimeS);
    } catch (error) {
      this.plain(`enhancing failed: ${(error as Error).message}`);
    } finally {
      this.busy = false;
      this.changed(this.status);
    }
    if (this.again && !this.stopped) {
      this.again = false;
      if (this.video.paused || this.effort === "always" || this.comparing) void this.work(this.lastMediaTimeS);
    }
  }

  private async show(mediaTimeS: number): Promise<void> {
    this.firstPlainMs ??= performance.now();
    if (this.effort === "off") return this.plain("it is switched off");
    const taken = await this.clock.take(this.video, mediaTimeS, (timeS, shown) => {
      return (this.table && this.shown.rungShownAt(this.table, timeS, shown.width, shown.height)) ?? shown;
    });
    if (!taken) return;
    const passedByReading = this.passedBy;
    this.status.timeS = taken.timeS;
    const decision = this.decide(taken);
    this.tell(decision);
    if (!decision.track) return this.plain(decision.reason);
    if (!(await this.screen.ready())) return this.plain(this.screen.problem);
    await this.draw(taken, decision, passedByReading);
  }

  private decide(taken: Taken): Decision {
    const nothing = { rung: null, track: null, use: null, weights: null };
    if (!this.table) return { ...nothing, reason: this.tableProblem };
    const { width, height } = taken.picture.planes;
    const rung = this.shown.rungAt(this.table, taken.timeS, width, height);
    if (!rung) return { ...nothing, reason: `no rung of the manifest has pictures of ${width}x${height}` };
    if (rung.tracks.length === 0) {
      return { ...nothing, rung, reason: rung.problems[0] ?? "this rung has no models" };
    }
    const track = this.trackOf(rung);
    if (!track) return { ...nothing, rung, reason: TOO_SLOW };
    const use = useAt(track, taken.timeS + TOLERANCE_S);
    if (!use?.chain.length) return { rung, track, use, weights: null, reason: "this segment wants no model" };
    this.store.want(use.chain);
    const weights = this.store.weights(use.chain);
    const skips = !this.video.paused && this.effort === "auto" && this.meter.isTooSlow(track, performance.now());
    const reason = weights ? (skips ? SKIPS : "") : (this.store.problem(use.chain) ?? "its model is on the way");
    return { rung, track, use, weights, reason };
  }

  private trackOf(rung: Rung): ModelTrack | null {
    // A picture that stays has all the time it takes.
    return this.video.paused ? (rung.tracks[0] ?? null) : this.trackInTime(rung);
  }

  /** Returns the reason for pictures that pass by. */
  private trackInTime(rung: Rung): ModelTrack | null {
    if (this.effort === "always") return rung.tracks[0] ?? null;
    return this.meter.choose(rung.tracks, performance.now()) ?? (this.comparing ? this.smallestOf(rung) : null);
  }

  /** Returns true if a track is too slow for every picture, yet fast enough to show some of them in time. */
  private smallestOf(rung: Rung): ModelTrack | null {
    const smallest = rung.tracks.at(-1);
    return smallest && (this.meter.msOf(smallest) ?? 0) < STALE_MS ? smallest : null;
  }

  private async draw(
    taken: Taken,
    { rung, track, weights, use, reason }: Decision,
    passedByReading: number,
  ): Promise<void> {
    const renderer = this.screen.renderer!;
    if (weights && !sameSpec(weights.spec, track!.spec))
      return this.plain("the model is of another network than the manifest says");
    const shape = shapeOf(taken.picture.planes, track!);
    const isFirst = await renderer.prepare(shape);
    // What is opened or compiled before a first picture says nothing about the next ones; one that stays is in no hurry.
    const tells = weights && !isFirst && !this.video.paused;
    this.passedBy = passedByReading;
    const beganMs = performance.now();
    await renderer.draw(taken.picture, weights, this.split_);
    const tookMs = performance.now() - beganMs;
    if (renderer.lost) return this.plain("the graphics device was lost");
    const cost = { ms: tookMs, passedBy: this.passedBy };
    if (tells) this.meter.took(track!, cost, 1000 / rung!.framesPerSecond, performance.now());
    this.status.msPerFrame = this.meter.msOf(track!);
    if (tookMs > STALE_MS && !this.video.paused && this.effort !== "always")
      return this.plain("this device was too slow for it");
    this.screen.show();
    Object.assign(this.status, { output: outputSize(shape), state: weights ? "enhanced" : "plain", reason });
    if (!weights) {
      this.status.framesPlain++;
      this.status.model = null;
      return;
    }
    this.status.framesEnhanced++;
    this.status.firstEnhancedMs ??= performance.now() - this.firstPlainMs!;
    const file = use!.chain[use!.chain.length - 1];
    this.status.model = { network: track!.network, sha256: file.sha256, gainDb: file.gainDb };
  }

  /** Shows only the video element, so that no old picture covers it. */
  private plain(reason: string): void {
    this.screen.hide();
    this.status.framesPlain++;
    Object.assign(this.status, { state: "plain", reason, output: null, model: null, msPerFrame: null });
  }

  private tell({ rung }: Decision): void {
    const { status, video } = this;
    status.rung = rung && { id: rung.id, width: rung.width, height: rung.height, bandwidthBps: rung.bandwidthBps };
    status.modelBytes = this.store.bytes;
    status.framesDropped = video.getVideoPlaybackQuality().droppedVideoFrames;
  }
}

function shapeOf({ width, height }: { width: number; height: number }, track: ModelTrack): Shape {
  return { width, height, inputWidth: track.inputWidth, inputHeight: track.inputHeight, spec: track.spec };
}
