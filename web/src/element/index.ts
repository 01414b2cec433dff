/** `<neudash-player src="manifest.mpd">`: a player of bundles that enhances what it plays. */

import type { Adapter, AdapterName } from "../playback/adapter";
import type { Effort } from "../playback/effort";
import { Enhancer } from "../playback/enhancer";
import { openAdapter } from "../playback/libraries";
import { emptyStatus, type Status } from "../playback/status";
import type { Track } from "../playback/tracks";
import type { RendererChoice } from "../render/open";
import { Captions } from "./captions";
import { CompareSlider } from "./compare";
import { drawPanel, headline } from "./panel";
import { ENHANCED, RungList } from "./rungs";
import { Sounds } from "./sounds";
import css from "./style.css?inline";
import { TEMPLATE } from "./template";
import { Zoom } from "./zoom";

export type { Effort, RendererChoice, Status };

/** Sound track with its label in the menu. */
export interface SoundTrack extends Track {
  readonly name: string;
  /** True for the track that is heard. */
  readonly playing: boolean;
}

const TICK_MS = 250;
const SEEK_S = 5;

/**
 * Plays a bundle and enhances it.
 *
 * Attributes: `src` (address of a manifest), `engine` (`shaka`, `dashjs`), `renderer` (`auto`, `webgpu`, `webgl2`,
 * `wasm`), `effort` (`auto`, `always`, `off`), `rung` (id of the only one to play, or `enhanced`: any that the network
 * allows up to the largest with models), `audio` (the sound track: a language, a role, a label or a part of one, or a
 * number from 1), `autoplay`, `muted`, `compare`, `details`.
 *
 * Events: `frame` after each picture and `status` four times a second, whose `detail` is a Status; `soundtrack` when a
 * presentation begins or another sound track is chosen, whose `detail` is the SoundTrack; `failed`, whose `detail` is a
 * sentence.
 */
export class NeudashPlayer extends HTMLElement {
  static readonly observedAttributes = ["src", "audio"];
  private readonly root = this.attachShadow({ mode: "open" });
  private adapter: Adapter | null = null;
  private enhancer: Enhancer | null = null;
  private slider!: CompareSlider;
  private zoom!: Zoom;
  private rungs!: RungList;
  private captions!: Captions;
  private sounds!: Sounds;
  private timer = 0;
  /** Promise of the previous load; the next one waits until it settles. */
  private loading: Promise<unknown> = Promise.resolve();
  private loads = 0;
  private giveUp: () => void = () => undefined;
  /** Playback position at a failure, in seconds; a retry begins there. */
  private failedEndS = 0;

  /** Reports what is shown and how, as the panel displays it. */
  get status(): Status {
    return this.enhancer?.status ?? emptyStatus();
  }

  /** Sound tracks that this browser can play, in the manifest's order. */
  get soundTracks(): readonly SoundTrack[] {
    const named = this.sounds?.named ?? [];
    return named.map(({ track, name }, index) => ({ ...track, name, playing: index === this.soundTrack }));
  }

  /** Index in that list of the track that is heard, -1 for none; set it to choose another. */
  get soundTrack(): number {
    return this.sounds?.heard ?? -1;
  }

  set soundTrack(index: number) {
    this.sounds?.choose(index);
  }

  /** Video element inside. */
  get video(): HTMLVideoElement {
    return this.piece("video");
  }

  /** Enhancer behind the element; for tests. */
  get inner(): Enhancer | null {
    return this.enhancer;
  }

  connectedCallback(): void {
    if (!this.root.hasChildNodes()) this.build();
    this.timer = window.setInterval(() => this.tick(), TICK_MS);
    this.restart();
  }

  disconnectedCallback(): void {
    window.clearInterval(this.timer);
    this.stop();
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected || !this.root.hasChildNodes()) return;
    if (name === "audio") this.sounds.ask(this.getAttribute("audio") ?? "");
    else this.restart();
  }

  private build(): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.root.adoptedStyleSheets = [sheet];
    this.root.innerHTML = TEMPLATE;
    const view = this.piece(".view");
    const split = (share: number) => {
      if (this.enhancer) this.enhancer.split = share;
    };
    this.slider = new CompareSlider(view, this.piece(".divider"), this.root.querySelectorAll(".side"), split);
    this.zoom = new Zoom(this.piece(".stage"), (factor) => {
      this.piece(".zoom").textContent = `${factor}×`;
      this.slider.move(Number(this.piece(".divider").getAttribute("aria-valuenow")) / 100);
    });
    this.rungs = new RungList(this.piece<HTMLSelectElement>(".rung"), (rung) => this.selectRung(rung));
    this.captions = new Captions(
      this.video,
      this.piece(".words"),
      this.piece<HTMLSelectElement>(".captions"),
      (index) => {
        this.adapter?.showCaptions(index);
      },
    );
    this.sounds = new Sounds(this.piece<HTMLSelectElement>(".sound"), (index) => {
      this.adapter?.selectSound(index);
      this.tellSound();
    });
    this.listen();
    this.setEnhance(this.getAttribute("effort") !== "off");
    this.setCompare(this.hasAttribute("compare"));
    this.setDetails(this.hasAttribute("details"));
  }

  private listen(): void {
    const click = (selector: string, action: () => void) => this.piece(selector).addEventListener("click", action);
    click(".play", () => this.togglePlay());
    click(".mute", () => {
      this.video.muted = !this.video.muted;
    });
    click(".enhance", () => this.setEnhance(this.effort === "off"));
    click(".compare", () => this.setCompare(!this.slider.isOn));
    click(".zoom", () => this.zoom.next());
    click(".info", () => this.setDetails(this.piece(".panel").hidden !== false));
    click(".full", () => this.toggleFull());
    const seek = this.piece<HTMLInputElement>(".seek");
    seek.addEventListener("input", () => {
      this.video.currentTime = Number(seek.value);
    });
    for (const name of ["play", "pause", "timeupdate", "durationchange", "volumechange", "ended"]) {
      this.video.addEventListener(name, () => this.showPlayback());
    }
    this.video.addEventListener("resize", () => this.showAspect());
    this.addEventListener("keydown", (event) => this.key(event));
  }

  private restart(): void {
    this.stop();
    const load = this.loads;
    this.loading = this.loading.then(() => this.load(() => load === this.loads));
  }

  /** Ends playback and pending loads at once. */
  private stop(): void {
    this.loads++;
    this.giveUp();
    this.enhancer?.destroy();
    this.loading = Promise.allSettled([this.loading, this.adapter?.destroy()]);
    this.enhancer = this.adapter = null;
    this.captions.list([]);
    this.sounds.list([], -1);
    this.piece(".message").hidden = true;
  }

  /** Loads a manifest; `isWanted` becomes false once another load, or none, takes its place. */
  private async load(isWanted: () => boolean): Promise<void> {
    const src = this.getAttribute("src");
    if (!src || !isWanted()) return;
    try {
      await this.play(new URL(src, document.baseURI).href, isWanted);
    } catch (error) {
      if (isWanted()) this.fail((error as Error).message);
    }
  }

  private async play(manifestUrl: string, isWanted: () => boolean): Promise<void> {
    const { video } = this;
    video.muted = this.hasAttribute("muted");
    const choice = (this.getAttribute("renderer") ?? "auto") as RendererChoice;
    const enhancer = new Enhancer(video, this.piece(".stage"), choice, (status) => {
      this.dispatchEvent(new CustomEvent("frame", { detail: status }));
    });
    enhancer.effort = this.effort;
    enhancer.comparing = this.slider.isOn;
    enhancer.begin();
    this.enhancer = enhancer;
    this.slider.isOn = this.slider.isOn;
    let isFirst = true;
    const adapter = await openAdapter((this.getAttribute("engine") ?? "shaka") as AdapterName, video, {
      manifest: (text, url) => {
        enhancer.manifest(text, url);
        // Before the library has chosen: what is not wanted is not fetched. Later the viewer may have chosen.
        if (isFirst && this.getAttribute("rung") === ENHANCED) this.selectRung(ENHANCED);
        isFirst = false;
      },
      segment: (request) => enhancer.segment(request),
      bytes: (count) => enhancer.bytes(count),
      failed: (reason) => {
        if (isWanted()) this.fail(reason);
      },
    });
    if (!isWanted()) return adapter.destroy();
    this.adapter = adapter;
    const givenUp = new Promise<void>((resolve) => {
      this.giveUp = resolve;
    });
    const beginSound = (tracks: readonly Track[]) => this.sounds.begin(tracks, this.getAttribute("audio") ?? "");
    await Promise.race([adapter.load(manifestUrl, beginSound), givenUp]);
    if (!isWanted()) return;
    this.rungs.show(enhancer.rungs);
    this.captions.list(adapter.captions);
    // Another one may have been asked for since.
    const heard = beginSound(adapter.sounds);
    if (heard !== adapter.sound) adapter.selectSound(heard);
    this.sounds.list(adapter.sounds, heard);
    this.tellSound();
    const wanted = this.getAttribute("rung");
    if (wanted && this.rungs.mark(wanted)) this.selectRung(wanted);
    if (this.hasAttribute("autoplay")) void video.play().catch(() => undefined);
  }

  private tellSound(): void {
    const heard = this.soundTracks[this.soundTrack];
    if (heard) this.dispatchEvent(new CustomEvent("soundtrack", { detail: heard }));
  }

  private fail(reason: string): void {
    const message = this.piece(".message");
    message.textContent = `It cannot be played: ${reason}.`;
    message.hidden = false;
    const { buffered } = this.video;
    this.failedEndS = buffered.length ? buffered.end(buffered.length - 1) : 0;
    this.dispatchEvent(new CustomEvent("failed", { detail: reason }));
  }

  private key(event: KeyboardEvent): void {
    const at = event.composedPath()[0] as HTMLElement;
    const isField = at instanceof HTMLInputElement || at instanceof HTMLSelectElement;
    if (event.ctrlKey || event.metaKey || event.altKey || (isField && event.key.startsWith("Arrow"))) return;
    // The keyboard's own use of a button comes first.
    if (event.key === " " && (at instanceof HTMLButtonElement || at instanceof HTMLSelectElement)) return;
    const actions: Record<string, () => void> = {
      " ": () => this.togglePlay(),
      k: () => this.togglePlay(),
      e: () => this.setEnhance(this.effort === "off"),
      s: () => this.setCompare(!this.slider.isOn),
      z: () => this.zoom.next(),
      i: () => this.setDetails(this.piece(".panel").hidden !== false),
      m: () => {
        this.video.muted = !this.video.muted;
      },
      c: () => this.captions.next(),
      a: () => this.sounds.next(),
      f: () => this.toggleFull(),
      ArrowLeft: () => {
        this.video.currentTime -= SEEK_S;
      },
      ArrowRight: () => {
        this.video.currentTime += SEEK_S;
      },
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    action();
    event.preventDefault();
  }

  private togglePlay(): void {
    if (this.video.paused) void this.video.play().catch(() => undefined);
    else this.video.pause();
  }

  private toggleFull(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else
      void this.piece(".player")
        .requestFullscreen()
        .catch(() => undefined);
  }

  /** Returns the effort: the button switches it on and off, the attribute says how it begins and how much it does. */
  private get effort(): Effort {
    if (this.piece(".enhance").ariaPressed !== "true") return "off";
    const asked = (this.getAttribute("effort") ?? "auto") as Effort;
    return asked === "off" ? "auto" : asked;
  }

  private setEnhance(on: boolean): void {
    this.piece(".enhance").ariaPressed = String(on);
    this.enhancer?.setEffort(this.effort);
  }

  private setCompare(on: boolean): void {
    this.slider.isOn = on;
    if (this.enhancer) this.enhancer.comparing = on;
    this.piece(".compare").ariaPressed = String(on);
  }

  private setDetails(on: boolean): void {
    this.piece(".panel").hidden = !on;
    this.piece(".info").ariaPressed = this.piece(".info").ariaExpanded = String(on);
  }

  private selectRung(rung: string): void {
    if (rung === ENHANCED) this.adapter?.selectRung(null, this.enhancer?.largestWithModels ?? null);
    else this.adapter?.selectRung(rung || null, null);
  }

  private showAspect(): void {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth) this.piece(".view").style.setProperty("--nd-shape", `${videoWidth} / ${videoHeight}`);
  }

  private showPlayback(): void {
    const { video } = this;
    const duration = Number.isFinite(video.duration) ? video.duration : 0;
    // What plays beyond what was there plays on after all.
    const hasMore = video.currentTime > this.failedEndS && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    if (hasMore) this.piece(".message").hidden = true;
    const seek = this.piece<HTMLInputElement>(".seek");
    seek.max = String(duration || 1);
    seek.value = String(video.currentTime);
    // Durations end some milliseconds early or late.
    const [at, end] = [clock(video.currentTime), clock(Math.round(duration))];
    seek.ariaValueText = `${at} of ${end}`;
    this.piece(".time").textContent = `${at} / ${end}`;
    const play = this.piece(".play");
    play.classList.toggle("on", !video.paused);
    play.ariaLabel = video.paused ? "Play (Space)" : "Pause (Space)";
    this.piece(".mute").ariaPressed = String(video.muted);
  }

  private tick(): void {
    const { status } = this;
    status.bandwidthBps = this.adapter?.bandwidthBps ?? 0;
    const { word, why } = this.headline;
    this.piece(".light").classList.toggle("enhanced", word === "enhanced");
    this.say(".word", word);
    this.say(".why", why && `: ${why}`);
    this.say(".side.enhanced", word);
    if (!this.piece(".panel").hidden) drawPanel(this.piece(".panel dl"), status);
    if (this.slider.isOn) this.slider.isOn = true; // the picture may have got another size
    this.dispatchEvent(new CustomEvent("status", { detail: status }));
  }

  private get headline(): { word: string; why: string } {
    if (!this.piece(".message").hidden) return { word: "failed", why: "" };
    const { paused, ended, readyState } = this.video;
    const isStalled = !paused && !ended && readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    return isStalled ? { word: "waiting", why: "for the network" } : headline(this.status);
  }

  /** Writes only changed text, since a screen reader repeats whatever is written. */
  private say(selector: string, text: string): void {
    const piece = this.piece(selector);
    if (piece.textContent !== text) piece.textContent = text;
  }

  private piece<T extends HTMLElement = HTMLElement>(selector: string): T {
    return this.root.querySelector<T>(selector)!;
  }
}

function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

if (!customElements.get("neudash-player")) customElements.define("neudash-player", NeudashPlayer);
