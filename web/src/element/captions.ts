/** Chooses subtitles and shows their text over the picture, since the browser's own would lie below the canvas. */

import { namesOf, type Track } from "../playback/tracks";

/** Text of a `TextTrackCue` that a browser made from WebVTT. */
type Cue = TextTrackCue & Partial<Pick<VTTCue, "getCueAsHTML" | "text">>;

export class Captions {
  private readonly drawn = () => this.draw();

  /** Calls `chosen` with a track's index in the list, or null for none. */
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly box: HTMLElement,
    private readonly select: HTMLSelectElement,
    private readonly chosen: (index: number | null) => void,
  ) {
    select.addEventListener("change", () => this.choose(select.selectedIndex));
    const tracks = video.textTracks;
    tracks.addEventListener("addtrack", ({ track }) => track?.addEventListener("cuechange", this.drawn));
    tracks.addEventListener("removetrack", ({ track }) => track?.removeEventListener("cuechange", this.drawn));
    tracks.addEventListener("change", this.drawn);
  }

  /** Fills the list; it is hidden if there are no subtitles. */
  list(tracks: readonly Track[]): void {
    const names = namesOf(tracks, "Subtitles");
    this.select.replaceChildren(new Option("No subtitles"), ...names.map((name) => new Option(name)));
    this.select.hidden = names.length === 0;
    this.draw();
  }

  /** Chooses the next entry of the list; after the last one, none. */
  next(): void {
    const { length } = this.select.options;
    if (length > 1) this.choose((this.select.selectedIndex + 1) % length);
  }

  private choose(option: number): void {
    this.select.selectedIndex = option;
    this.chosen(option === 0 ? null : option - 1);
  }

  private draw(): void {
    const shown = [...this.video.textTracks].filter(({ mode }) => mode === "showing");
    const cues = shown.flatMap((track) => [...(track.activeCues ?? [])] as Cue[]);
    this.box.replaceChildren(
      ...cues.map((cue) => {
        const line = document.createElement("p");
        // As the browser has parsed it: its own tags, never those of a page.
        line.append(cue.getCueAsHTML?.() ?? cue.text ?? "");
        return line;
      }),
    );
  }
}
