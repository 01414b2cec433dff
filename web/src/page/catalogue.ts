/**
 * Shows the catalogue: a card for each bundle, with its contents and addresses to copy. Text is never inserted as
 * markup.
 */

import { bitrate, bytes } from "../element/panel";

interface Models {
  network: string;
  width: number;
  height: number;
  bytes: number;
  segments: number;
}
interface Rung {
  id: string;
  width: number;
  height: number;
  frame_rate: string;
  bandwidth_bps: number;
  segments: number;
  models: Models[];
}
/** One bundle as `GET api/bundles` describes it. */
export interface Bundle {
  name: string;
  title: string | null;
  duration_s: number;
  manifest_url: string;
  playlist_url: string | null;
  poster_url: string | null;
  report_url: string | null;
  quality_url: string | null;
  bytes: { video: number; audio: number; model: number };
  rungs: Rung[];
}
export interface Catalogue {
  bundles: Bundle[];
  broken: { name: string; problem: string }[];
}

/** Fetches the catalogue and the address that its links are relative to. Rejects if the server does not answer. */
export async function readCatalogue(): Promise<{ catalogue: Catalogue; base: string }> {
  const answer = await fetch("api/bundles");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return { catalogue: (await answer.json()) as Catalogue, base: answer.url };
}

/** Returns the link on this page that plays a bundle. */
export function placeOf(bundle: Bundle): string {
  return `#${encodeURIComponent(bundle.name)}`;
}

export function titleOf(bundle: Bundle): string {
  return bundle.title ?? bundle.name;
}

export function card(bundle: Bundle, base: string): DocumentFragment {
  const item = copyOf("bundle");
  const find = <T extends HTMLElement>(selector: string) => item.querySelector<T>(selector)!;
  const absolute = (url: string) => new URL(url, base).href;
  const manifest = absolute(bundle.manifest_url);
  const title = titleOf(bundle);
  find(".bundle").id = `about-${bundle.name}`;
  find("h2").textContent = title;
  const sizes = Object.entries({ video: bundle.bytes.video, audio: bundle.bytes.audio, models: bundle.bytes.model });
  find(".summary").textContent = [
    ...(title === bundle.name ? [] : [bundle.name]),
    duration(bundle.duration_s),
    [...new Set(bundle.rungs.map((rung) => frameRate(rung.frame_rate)))].join(" and "),
    ...sizes.map(([what, count]) => (count > 0 ? `${what} ${bytes(count)}` : `no ${what}`)),
  ].join(" · ");
  find(".scroll").setAttribute("aria-label", `Rungs of ${bundle.name}`);
  find("tbody").append(...bundle.rungs.map(row));
  for (const link of item.querySelectorAll<HTMLAnchorElement>(".watch, .poster")) link.href = placeOf(bundle);
  find(".poster").setAttribute("aria-label", `Watch ${title}`);
  find(".watch").setAttribute("aria-label", `Watch enhanced: ${title}`);
  find("dl").append(addressLine("DASH manifest", manifest));
  if (bundle.playlist_url) find("dl").append(addressLine("HLS playlist", absolute(bundle.playlist_url)));
  find("dl").append(addressLine("Play it enhanced, in a window", `neudash play --window ${manifest}`));
  if (bundle.poster_url)
    Object.assign(find<HTMLImageElement>("img"), { src: absolute(bundle.poster_url), hidden: false });
  return item;
}

function copyOf(template: string): DocumentFragment {
  return document.querySelector<HTMLTemplateElement>(`#${template}`)!.content.cloneNode(true) as DocumentFragment;
}

function row(rung: Rung): HTMLTableRowElement {
  const line = document.createElement("tr");
  const models = rung.models.map(
    (m) => `${m.network} to ${m.width}×${m.height}: ${m.segments} of ${rung.segments} segments, ${bytes(m.bytes)}`,
  );
  const size = `${rung.width}×${rung.height}`;
  for (const text of [rung.id, size, bitrate(rung.bandwidth_bps), models.join("\n") || "none"]) {
    line.insertCell().textContent = text;
  }
  return line;
}

function addressLine(label: string, text: string): DocumentFragment {
  const line = copyOf("address");
  const shown = line.querySelector("code")!;
  const button = line.querySelector("button")!;
  line.querySelector("dt")!.textContent = label;
  shown.textContent = text;
  button.setAttribute("aria-label", `Copy: ${label}`);
  button.addEventListener("click", () => void copy(text, button, shown));
  return line;
}

async function copy(text: string, button: HTMLElement, shown: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Without HTTPS the clipboard is closed to pages: select the text, so that the keyboard's own copy takes it.
    getSelection()?.selectAllChildren(shown);
    button.textContent = "Selected";
  }
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2000);
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function frameRate(text: string): string {
  const [top, bottom = "1"] = text.split("/");
  return `${(Number(top) / Number(bottom)).toFixed(2).replace(/\.?0+$/, "")} fps`;
}
