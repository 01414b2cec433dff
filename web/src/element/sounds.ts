/** Chooses a sound track; the choice outlasts the presentation and the streaming library. */

import { likeTrack, mainTrack, namesOf, type Track, wantedTrack } from "../playback/tracks";

export class Sounds {
  /** Track that the viewer chose, in this presentation or an earlier one. */
  private chosen: Track | null = null;
  private tracks: readonly Track[] = [];

  /** Calls `changed` with the index of the track to be heard. */
  constructor(
    private readonly select: HTMLSelectElement,
    private readonly changed: (index: number) => void,
  ) {
    select.addEventListener("change", () => this.choose(select.selectedIndex));
  }

  /** Returns the index of the track to begin with: like the one chosen before, as `wish` asks, or the main one. */
  begin(tracks: readonly Track[], wish: string): number {
    const before = this.chosen ? likeTrack(tracks, this.chosen) : -1;
    const wanted = before < 0 && wish ? wantedTrack(tracks, wish) : before;
    return wanted < 0 ? mainTrack(tracks) : wanted;
  }

  /** Fills the list and marks the track that is heard; the list is hidden if there is no choice. */
  list(tracks: readonly Track[], heard: number): void {
    this.tracks = tracks;
    this.select.replaceChildren(...this.named.map(({ name }) => new Option(name)));
    this.select.selectedIndex = heard;
    this.select.hidden = tracks.length < 2;
  }

  /** Index of the track that is heard; -1 for none. */
  get heard(): number {
    return this.select.selectedIndex;
  }

  /** Returns the tracks with their labels in the menu. */
  get named(): { track: Track; name: string }[] {
    const names = namesOf(this.tracks, "Sound");
    return this.tracks.map((track, index) => ({ track, name: names[index] }));
  }

  /** Chooses a track on behalf of the viewer or the page; an index outside the list changes nothing. */
  choose(index: number): void {
    if (!this.tracks[index]) return;
    this.chosen = this.tracks[index];
    this.select.selectedIndex = index;
    this.changed(index);
  }

  /** Chooses the track that a wish asks for; nothing changes if there is none. */
  ask(wish: string): void {
    this.chosen = null;
    this.choose(wish ? wantedTrack(this.tracks, wish) : mainTrack(this.tracks));
  }

  /** Chooses the next track of the list; after the last one, the first. */
  next(): void {
    if (this.tracks.length > 1) this.choose((this.select.selectedIndex + 1) % this.tracks.length);
  }
}
