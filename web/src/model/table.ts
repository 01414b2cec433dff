/** Reads the tables of models in a raw manifest (docs/bundle.md, "The MPD extension"). */

import { type NetworkSpec, parseNetwork } from "./network";

export const MPD = "urn:mpeg:dash:schema:mpd:2011";
export const NEUDASH = "urn:neudash:mpd:2026";
const MODELS = "urn:neudash:models:2026";
const FORMAT = "ndm/1";
const TRANSFER = "urn:mpeg:mpegB:cicp:TransferCharacteristics";
/** PQ and HLG, by their numbers in ISO/IEC 23091-2. */
const HDR_TRANSFERS = ["16", "18"];
const MAX_MODELS = 300;
const MAX_SEGMENTS = 200_000;
const MAX_CHAIN = 16;

/** One file of a table. */
export interface ModelFile {
  readonly url: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** dB of PSNR-Y over the plain resize, as measured. */
  readonly gainDb: number | null;
}

/** Span of time and the files of its model, full weights first; no files ask for the plain resize. */
export interface Use {
  readonly endS: number;
  readonly chain: readonly ModelFile[];
}

/** One network size for one rung. */
export interface ModelTrack {
  readonly id: string;
  readonly network: string;
  readonly spec: NetworkSpec;
  /** Size of the picture that goes into the network. */
  readonly inputWidth: number;
  readonly inputHeight: number;
  readonly rank: number;
  readonly uses: readonly Use[];
}

/** One video Representation, with the tracks that this version can run, best rank first. */
export interface Rung {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** Size in square pixels, as a browser reports that of a video: one side is the picture's, the other is longer. */
  readonly shownWidth: number;
  readonly shownHeight: number;
  readonly bandwidthBps: number;
  readonly framesPerSecond: number;
  readonly tracks: readonly ModelTrack[];
  /** Reason why a track, or all of them, cannot be used. */
  readonly problems: readonly string[];
}

/** The part of a manifest that concerns the picture. HDR is left out, since networks are trained on SDR. */
export interface Table {
  readonly rungs: readonly Rung[];
}

/** The text is not a manifest, or not one that can be read. */
export class ManifestError extends Error {}

/** Reads the text of the manifest at `url`. Throws ManifestError. */
export function parseTable(text: string, url: string): Table {
  if (/<!DOCTYPE|<!ENTITY/i.test(text)) throw new ManifestError("the manifest has a DOCTYPE");
  const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
  if (root.namespaceURI !== MPD || root.localName !== "MPD") throw new ManifestError("the manifest is not an MPD");
  const rungs: Rung[] = [];
  for (const element of root.getElementsByTagNameNS(MPD, "Representation")) {
    const width = Number(inherited(element, "width"));
    const height = Number(inherited(element, "height"));
    if (width > 0 && height > 0 && !isHdr(element.parentElement!)) rungs.push(rungOf(element, width, height, url));
  }
  return { rungs };
}

/** Returns the use at a time in seconds from the start; null before the first and after the last. */
export function useAt(track: ModelTrack, timeS: number): Use | null {
  return track.uses.find((use) => timeS < use.endS) ?? null;
}

/** Returns true if an AdaptationSet is for HDR screens. */
function isHdr(set: Element): boolean {
  return childrenOf(set, MPD, "EssentialProperty").some((property) => {
    const [scheme, value] = [property.getAttribute("schemeIdUri"), property.getAttribute("value") ?? ""];
    return scheme === TRANSFER && HDR_TRANSFERS.includes(value);
  });
}

function rungOf(element: Element, width: number, height: number, url: string): Rung {
  const base = baseOf(element, url);
  const [frames, per = "1"] = (inherited(element, "frameRate") ?? "25").split("/");
  const [across, down] = (inherited(element, "sar") ?? "1:1").split(":").map(Number);
  const tracks: ModelTrack[] = [];
  const problems: string[] = [];
  for (const property of childrenOf(element, MPD, "SupplementalProperty")) {
    if (property.getAttribute("schemeIdUri") !== MODELS) continue;
    if (property.getAttribute("value") !== "1") {
      problems.push("the table of models is of a newer version");
      continue;
    }
    for (const track of childrenOf(property, NEUDASH, "ModelTrack")) {
      try {
        if (new URL(base).origin !== new URL(url).origin) throw new ManifestError("its models lie on another host");
        tracks.push(trackOf(track, width, height, base));
      } catch (error) {
        problems.push(`${track.getAttribute("network")}: ${(error as Error).message}`);
      }
    }
  }
  return {
    id: element.getAttribute("id") ?? "",
    width,
    height,
    shownWidth: across > down ? Math.round((width * across) / down) : width,
    shownHeight: across < down ? Math.round((height * down) / across) : height,
    bandwidthBps: Number(element.getAttribute("bandwidth")),
    framesPerSecond: Number(frames) / Number(per),
    tracks: tracks.sort((a, b) => a.rank - b.rank),
    problems,
  };
}

function trackOf(element: Element, width: number, height: number, base: string): ModelTrack {
  if (element.hasAttribute("index")) throw new ManifestError("its table lies in a file of its own");
  if (element.getAttribute("format") !== FORMAT)
    throw new ManifestError(`format ${element.getAttribute("format")} is not known`);
  const scale = whole(element, "scale");
  const spec = parseNetwork(element.getAttribute("network") ?? "", scale);
  const chains = chainsOf(childrenOf(element, NEUDASH, "Model"), base);
  const uses = childrenOf(element, NEUDASH, "Timeline").flatMap((timeline) => usesOf(timeline, chains));
  const inputWidth = element.hasAttribute("width") ? whole(element, "width") : width;
  const inputHeight = element.hasAttribute("height") ? whole(element, "height") : height;
  const fits = (to: number, from: number) => to >= from && to <= 8 * from && (to * scale) % 2 === 0;
  if (!fits(inputWidth, width) || !fits(inputHeight, height))
    throw new ManifestError("a picture of that size cannot be made");
  const id = element.getAttribute("id") ?? "";
  return {
    id,
    network: element.getAttribute("network") ?? "",
    spec,
    inputWidth,
    inputHeight,
    rank: whole(element, "rank"),
    uses,
  };
}

function chainsOf(models: Element[], base: string): Map<number, ModelFile[]> {
  if (models.length > MAX_MODELS) throw new ManifestError(`${models.length} models`);
  const elements = new Map(models.map((model) => [whole(model, "n"), model]));
  const files = new Map([...elements].map(([n, model]) => [n, fileOf(model, base)]));
  const chains = new Map<number, ModelFile[]>();
  for (const n of elements.keys()) {
    const chain: ModelFile[] = [];
    for (let at: number | null = n; at !== null; ) {
      const model: Element | undefined = elements.get(at);
      if (!model || chain.length === MAX_CHAIN) throw new ManifestError(`the chain of model ${n} has no end`);
      chain.unshift(files.get(at)!);
      at = model.hasAttribute("base") ? whole(model, "base") : null;
    }
    chains.set(n, chain);
  }
  return chains;
}

function fileOf(model: Element, base: string): ModelFile {
  const sha256 = model.getAttribute("sha256") ?? "";
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new ManifestError("a model without its SHA-256");
  const href = model.getAttribute("href");
  if (href === null) throw new ManifestError("a model without its address");
  const gain = model.getAttribute("gain");
  return {
    url: modelUrl(href, base),
    sizeBytes: whole(model, "size"),
    sha256,
    gainDb: gain === null ? null : Number(gain),
  };
}

function modelUrl(href: string, base: string): string {
  // docs/bundle.md, "Layout": so no address holds `..`, an escape, a scheme or a query.
  const plain =
    href.length <= 512 && href.split("/").every((name) => /^[A-Za-z0-9_]([\w.~+=@,-]*[\w~+=@,-])?$/.test(name));
  if (!plain) throw new ManifestError("a model at an address outside the bundle");
  return new URL(href, base).href;
}

function usesOf(timeline: Element, chains: Map<number, ModelFile[]>): Use[] {
  const timescale = whole(timeline, "timescale");
  const uses: Use[] = [];
  let ticks = 0;
  for (const element of childrenOf(timeline, NEUDASH, "Use")) {
    const chain = element.hasAttribute("n") ? chains.get(whole(element, "n")) : [];
    if (!chain) throw new ManifestError("the timeline names a model that there is not");
    const repeats = element.hasAttribute("r") ? whole(element, "r") : 0;
    if (uses.length + repeats + 1 > MAX_SEGMENTS) throw new ManifestError("too many segments");
    for (let count = 0; count <= repeats; count++) {
      ticks += whole(element, "d");
      uses.push({ endS: ticks / timescale, chain });
    }
  }
  return uses;
}

function childrenOf(element: Element, namespace: string, name: string): Element[] {
  return [...element.children].filter((child) => child.namespaceURI === namespace && child.localName === name);
}

function inherited(element: Element, name: string): string | null {
  return element.getAttribute(name) ?? element.parentElement?.getAttribute(name) ?? null;
}

/**
 * Resolves BaseURLs: at each level, outermost first, the first one on the manifest's own host applies, since a CDN's
 * may stand before it.
 */
function baseOf(element: Element, url: string): string {
  const path: Element[] = [];
  for (let at: Element | null = element; at; at = at.parentElement) path.unshift(at);
  const { origin } = new URL(url);
  return path.reduce((base, level) => {
    const given = childrenOf(level, MPD, "BaseURL").map(({ textContent }) => new URL(textContent!.trim(), base));
    return (given.find((one) => one.origin === origin) ?? given[0])?.href ?? base;
  }, url);
}

function whole(element: Element, name: string): number {
  const text = element.getAttribute(name) ?? "";
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new ManifestError(`${element.localName}@${name} is no whole number`);
  return value;
}
