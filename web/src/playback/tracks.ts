/** Describes sound tracks and subtitles: what a manifest says of one, its label, and the one that is asked for. */

export interface Track {
  /** BCP 47; empty if the manifest names none. */
  readonly language: string;
  /** Label in the manifest; empty if it has none. */
  readonly label: string;
  /** DASH roles (`main`, `dub`, `commentary`, ...); empty if there are none. */
  readonly role: string;
  /** Number of channels; 0 for subtitles. */
  readonly channels: number;
}

const STEREO = 2;
const LAYOUTS: Record<number, string> = { 1: "mono", 2: "stereo", 6: "5.1", 8: "7.1" };
/** Channels by index of ISO/IEC 23091-3, if the two differ: libraries take the one for the other. */
const CHANNELS: Record<number, number> = { 7: 8, 9: 3, 10: 4, 11: 7, 12: 8, 13: 24, 14: 8, 16: 10, 19: 12 };
/** Roles that are played only if asked for. */
const LATER = ["commentary", "description", "supplementary"];
/** Words for roles beside a track's language. */
const PURPOSES: Record<string, string> = {
  commentary: "commentary",
  description: "audio description",
  supplementary: "supplementary",
  caption: "for the deaf",
  "forced-subtitle": "forced",
};

/** Returns the label of each track in a menu; no two are equal. */
export function namesOf(tracks: readonly Track[], nameless: string): string[] {
  const names = tracks.map(({ label, language, role }) => {
    if (label) return label;
    const name = nameOf(language) || nameless;
    return role in PURPOSES ? `${name}, ${PURPOSES[role]}` : name;
  });
  const withLayouts = names.map((name, index) => {
    const { channels } = tracks[index];
    return isRepeated(names, name) && channels ? `${name}, ${LAYOUTS[channels] ?? `${channels} channels`}` : name;
  });
  return withLayouts.map((name, index) => {
    return isRepeated(withLayouts, name) ? `${name} (${index + 1})` : name;
  });
}

/** Returns the index of the main track, in stereo; -1 if there is no track. */
export function mainTrack(tracks: readonly Track[]): number {
  return bestOf(tracks, () => true);
}

/**
 * Returns the index of the track that is asked for by a number from 1, a language, a role, a label or a part of one; of
 * several the main one, in stereo. -1 if there is none.
 */
export function wantedTrack(tracks: readonly Track[], wish: string): number {
  if (/^\d+$/.test(wish)) return Number(wish) <= tracks.length ? Number(wish) - 1 : -1;
  const word = wish.toLowerCase();
  const tests: ((track: Track) => boolean)[] = [
    ({ language }) => speaks(language, wish),
    ({ role }) => role === word,
    ({ label }) => label.toLowerCase() === word,
    ({ label }) => word !== "" && label.toLowerCase().includes(word),
  ];
  return firstFound(tests.map((test) => bestOf(tracks, test)));
}

/** Returns the index of the track most like an earlier one; -1 if none has its language and role. */
export function likeTrack(tracks: readonly Track[], before: Track): number {
  const isKind = ({ language, role }: Track) => language === before.language && role === before.role;
  const isSize = (track: Track) => isKind(track) && track.channels === before.channels;
  const isSame = (track: Track) => isSize(track) && track.label === before.label;
  return firstFound([isSame, isSize, isKind].map((test) => bestOf(tracks, test)));
}

/** Returns the number of channels of an MPEG AudioChannelConfiguration. */
export function channelsOf(index: number): number {
  return CHANNELS[index] ?? index;
}

/** Returns a language in its shortest form, such as `en` for `eng`; empty if it is not one. */
export function languageTag(language: string | null | undefined): string {
  try {
    const [tag] = Intl.getCanonicalLocales(language ?? "");
    return tag === "und" ? "" : tag;
  } catch {
    return "";
  }
}

function bestOf(tracks: readonly Track[], test: (track: Track) => boolean): number {
  const rank = ({ role, channels }: Track) => {
    const place = role === "main" ? 0 : LATER.includes(role) ? 2 : 1;
    return 2 * place + (channels > STEREO ? 1 : 0);
  };
  let best = -1;
  tracks.forEach((track, index) => {
    if (test(track) && (best < 0 || rank(track) < rank(tracks[best]))) best = index;
  });
  return best;
}

function firstFound(places: readonly number[]): number {
  return places.find((place) => place >= 0) ?? -1;
}

/** Returns true if a viewer who asks for `wish` understands a language: `en` takes `en-GB`, and `en-GB` takes `en`. */
function speaks(language: string, wish: string): boolean {
  const [spoken, wanted] = [languageTag(language), languageTag(wish)].map((tag) => tag.toLowerCase().split("-"));
  const shorter = Math.min(spoken.length, wanted.length);
  return spoken[0] !== "" && wanted[0] !== "" && spoken.slice(0, shorter).join() === wanted.slice(0, shorter).join();
}

/** Returns the name of a language in the viewer's own; empty if there is none. */
function nameOf(language: string): string {
  const tag = languageTag(language);
  if (!tag) return "";
  try {
    return new Intl.DisplayNames([navigator.language], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

function isRepeated(names: readonly string[], name: string): boolean {
  return names.filter((other) => other === name).length > 1;
}
