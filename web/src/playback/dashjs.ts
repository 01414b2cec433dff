/** Plays by dash.js. */

import { type MediaInfo, MediaPlayer, type MediaPlayerClass } from "dashjs";
import type { Adapter, AdapterEvents, Ceiling, ChooseSound } from "./adapter";
import { channelsOf, languageTag, type Track } from "./tracks";

/** The fields we read of its requests; its types leave them open. */
interface Loading {
  request: {
    type: string | null;
    mediaType: string;
    startTime: number;
    duration: number;
    representation?: { id: string };
  };
}

const MEDIA_SEGMENT = "MediaSegment";

export class DashJsAdapter implements Adapter {
  readonly name = "dashjs";
  private readonly player: MediaPlayerClass;
  /** Rejects the load that is under way. */
  private refuse: ((error: Error) => void) | null = null;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: AdapterEvents,
  ) {
    const names = MediaPlayer.events;
    this.player = MediaPlayer().create();
    this.player.updateSettings({
      debug: { logLevel: 0 },
      streaming: {
        text: { defaultEnabled: false },
        // What was heard in another film, or page, would come before the choice for this one.
        lastMediaSettingsCachingInfo: { enabled: false },
      },
    });
    this.player.initialize(video, undefined, false);
    const on = (name: string, listener: (event: unknown) => void) =>
      this.player.on(name as "error", listener as () => void);
    on(names.FRAGMENT_LOADING_STARTED, (event) => {
      const { request } = event as Loading;
      if (request.mediaType !== "video" || request.type !== MEDIA_SEGMENT) return;
      const { startTime: startS, duration } = request;
      events.segment({ rungId: request.representation?.id ?? "", startS, endS: startS + duration });
    });
    on(names.ERROR, (event) => {
      const { error } = event as { error: { message?: string; code?: number; data?: Partial<Loading> } };
      if (error.data?.request?.mediaType === "text") return; // the film plays without its subtitles
      const reason = `${error.message ?? "playback failed"} (dash.js ${error.code ?? ""})`;
      if (this.refuse) this.refuse(new Error(reason));
      else events.failed(reason);
    });
  }

  load(manifestUrl: string, chooseSound: ChooseSound): Promise<void> {
    // Asked of pictures too, of which the first ones are taken; those for HDR screens it has left out by then.
    this.player.setCustomInitialTrackSelectionFunction((infos) => {
      return infos[0]?.type === "audio" ? [infos[chooseSound(infos.map(trackOf))]] : infos;
    });
    this.player.addResponseInterceptor((answer) => {
      const about = answer.request.customData as { request?: { type?: string } } | undefined;
      if (about?.request?.type === "MPD" && typeof answer.data === "string") {
        this.events.manifest(answer.data, answer.url || answer.request.url);
      }
      if (answer.data instanceof ArrayBuffer) this.events.bytes(answer.data.byteLength);
      return Promise.resolve(answer);
    });
    const loaded = new Promise<void>((resolve, reject) => {
      this.refuse = reject;
      this.video.addEventListener("loadedmetadata", () => resolve(), { once: true });
      this.player.attachSource(manifestUrl);
    });
    return loaded.finally(() => {
      this.refuse = null;
    });
  }

  selectRung(rungId: string | null, ceiling: Ceiling | null): void {
    const chosen = rungId !== null;
    const most = { video: ceiling ? Math.ceil(ceiling.bandwidthBps / 1000) : NaN };
    this.player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: !chosen }, maxBitrate: most } } });
    if (chosen) this.player.setRepresentationForTypeById("video", rungId, true);
  }

  get sounds(): readonly Track[] {
    return this.player.getTracksFor("audio").map(trackOf);
  }

  get sound(): number {
    const heard = this.player.getCurrentTrackFor("audio");
    return this.player.getTracksFor("audio").findIndex(({ index }) => index === heard?.index);
  }

  selectSound(index: number): void {
    this.player.setCurrentTrack(this.player.getTracksFor("audio")[index]);
  }

  get captions(): readonly Track[] {
    return this.player.getTracksFor("text").map(trackOf);
  }

  showCaptions(index: number | null): void {
    this.player.setTextTrack(index ?? -1);
  }

  get bandwidthBps(): number {
    return (this.player.getAverageThroughput("video") || 0) * 1000;
  }

  async destroy(): Promise<void> {
    this.player.destroy();
  }
}

function trackOf({ lang, labels, roles, audioChannelConfiguration }: MediaInfo): Track {
  const names = (roles ?? []).map(({ value }) => String(value ?? ""));
  return {
    language: languageTag(lang),
    label: labels[0]?.text ?? "",
    role: names.includes("main") ? "main" : (names[0] ?? ""),
    channels: channelsOf(Number(audioChannelConfiguration?.[0]?.value) || 0),
  };
}
