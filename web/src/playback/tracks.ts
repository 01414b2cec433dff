/** Sound tracks and subtitles: what a manifest says of one, what it is called, and which one is meant. */

export interface Track {
  /** BCP 47; empty where the manifest says none. */
  readonly language: string;
  /** The name that the manifest gives it, or nothing. */
  readonly label: string;
  /** In the words of DASH (`main`, `dub`, `commentary`, ...), or nothing. */
  readonly role: string;
  /** 0 for subtitles. */
  readonly channels: number;
}

const STEREO = 2;
const LAYOUTS: Record<number, string> = { 1: "mono", 2: "stereo", 6: "5.1", 8: "7.1" };
/** Channels by index of ISO/IEC 23091-3, where the two differ: libraries take the one for the other. */
const CHANNELS: Record<number, number> = { 7: 8, 9: 3, 10: 4, 11: 7, 12: 8, 13: 24, 14: 8, 16: 10, 19: 12 };
/** Roles that nobody hears who did not ask for them. */
const LATER = ["commentary", "description", "supplementary"];
/** What roles say of a track beyond its language. */
const PURPOSES: Record<string, string> = {
  commentary: "commentary",
  description: "audio description",
  supplementary: "supplementary",
  caption: "for the deaf",
  "forced-subtitle": "forced",
};

/** What a menu says of each track; no two are called the same. */
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

/** The place of the main track, in stereo; -1 where there is none at all. */
export function mainTrack(tracks: readonly Track[]): number {
  return bestOf(tracks, () => true);
}

/**
 * The place of the track that is asked for by a number from 1, a language, a role, a label or a part of one; of
 * several the main one, in stereo. -1 where none is like that.
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

/** The place of the track that is most like one of before; -1 where none has its language and role. */
export function likeTrack(tracks: readonly Track[], before: Track): number {
  const isKind = ({ language, role }: Track) => language === before.language && role === before.role;
  const isSize = (track: Track) => isKind(track) && track.channels === before.channels;
  const isSame = (track: Track) => isSize(track) && track.label === before.label;
  return firstFound([isSame, isSize, isKind].map((test) => bestOf(tracks, test)));
}

/** The number of channels that an AudioChannelConfiguration of MPEG stands for. */
export function channelsOf(index: number): number {
  return CHANNELS[index] ?? index;
}

/** In its shortest form, as `en` for `eng`; nothing where it is none. */
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

/** Whether a viewer who asks for `wish` understands it: `en` takes `en-GB`, and `en-GB` takes `en`. */
function speaks(language: string, wish: string): boolean {
  const [spoken, wanted] = [languageTag(language), languageTag(wish)].map((tag) => tag.toLowerCase().split("-"));
  const shorter = Math.min(spoken.length, wanted.length);
  return spoken[0] !== "" && wanted[0] !== "" && spoken.slice(0, shorter).join() === wanted.slice(0, shorter).join();
}

/** In the viewer's language, or nothing. */
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
