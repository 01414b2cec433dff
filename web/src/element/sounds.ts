/** The choice of a sound track, which outlasts the film and the library. */

import { likeTrack, mainTrack, namesOf, type Track, wantedTrack } from "../playback/tracks";

export class Sounds {
  /** What the viewer chose, here or in a film before. */
  private chosen: Track | null = null;
  private tracks: readonly Track[] = [];

  /** `changed` gets the place in the list of what is to be heard. */
  constructor(
    private readonly select: HTMLSelectElement,
    private readonly changed: (index: number) => void,
  ) {
    select.addEventListener("change", () => this.choose(select.selectedIndex));
  }

  /** The place of the track to begin with: what was chosen before, what `wish` asks for, or the main one. */
  begin(tracks: readonly Track[], wish: string): number {
    const before = this.chosen ? likeTrack(tracks, this.chosen) : -1;
    const wanted = before < 0 && wish ? wantedTrack(tracks, wish) : before;
    return wanted < 0 ? mainTrack(tracks) : wanted;
  }

  /** Those that there are, and the place of the one that is heard; without a choice there is nothing to be seen. */
  list(tracks: readonly Track[], heard: number): void {
    this.tracks = tracks;
    this.select.replaceChildren(...this.named.map(({ name }) => new Option(name)));
    this.select.selectedIndex = heard;
    this.select.hidden = tracks.length < 2;
  }

  /** The place of the one that is heard; -1 for none. */
  get heard(): number {
    return this.select.selectedIndex;
  }

  /** Those that there are, as the menu calls them. */
  get named(): { track: Track; name: string }[] {
    const names = namesOf(this.tracks, "Sound");
    return this.tracks.map((track, index) => ({ track, name: names[index] }));
  }

  /** By the viewer or the page; a place outside the list changes nothing. */
  choose(index: number): void {
    if (!this.tracks[index]) return;
    this.chosen = this.tracks[index];
    this.select.selectedIndex = index;
    this.changed(index);
  }

  /** The one that a wish asks for, in place of what was chosen before. Nothing changes if there is none. */
  ask(wish: string): void {
    this.chosen = null;
    this.choose(wish ? wantedTrack(this.tracks, wish) : mainTrack(this.tracks));
  }

  /** The next one of the list, after the last the first. */
  next(): void {
    if (this.tracks.length > 1) this.choose((this.select.selectedIndex + 1) % this.tracks.length);
  }
}
