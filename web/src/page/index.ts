/** Runs the page: the catalogue, and the player of the bundle that the address names. */

import { NeudashPlayer } from "../element";
import { type Bundle, card, placeOf, readCatalogue, titleOf } from "./catalogue";
import { showQuality } from "./quality";

const find = <T extends HTMLElement = HTMLElement>(selector: string) => document.querySelector<T>(selector)!;

/** Attributes of the player that an address may set, such as `?rung=v360#film`. */
const SETTINGS = ["engine", "renderer", "effort", "rung", "audio"];

let endQuality: () => void = () => undefined;

async function watch(bundle: Bundle | undefined, base: string): Promise<void> {
  endQuality();
  find("#watch").hidden = !bundle;
  document.body.classList.toggle("watching", !!bundle);
  for (const one of document.querySelectorAll(".bundle"))
    one.classList.toggle("watched", one.id === `about-${bundle?.name}`);
  find("#player").replaceChildren();
  document.title = bundle ? `${titleOf(bundle)} – neudash` : "neudash";
  if (!bundle) return;
  const player = new NeudashPlayer();
  const asked = new URLSearchParams(location.search);
  player.setAttribute("rung", "enhanced"); // on a fast line nothing else would show a model
  for (const name of SETTINGS) if (asked.has(name)) player.setAttribute(name, asked.get(name)!);
  for (const name of ["compare", "details", "muted", "autoplay"]) player.toggleAttribute(name, asked.get(name) !== "0");
  player.setAttribute("src", new URL(bundle.manifest_url, base).href);
  find("#watch h2").textContent = titleOf(bundle);
  find("#report").hidden = !bundle.report_url;
  if (bundle.report_url) find<HTMLAnchorElement>("#report").href = new URL(bundle.report_url, base).href;
  find("#player").append(player);
  player.tabIndex = -1;
  player.focus({ preventScroll: true });
  find("#watch").scrollIntoView();
  endQuality = await showQuality(
    find("#quality"),
    bundle.quality_url && new URL(bundle.quality_url, base).href,
    player,
  );
}

async function start(): Promise<void> {
  const state = find("#state");
  let read: Awaited<ReturnType<typeof readCatalogue>>;
  try {
    read = await readCatalogue();
  } catch (error) {
    state.textContent = `The catalogue cannot be read: ${(error as Error).message}. Reload to try again.`;
    return;
  }
  const {
    catalogue: { bundles, broken },
    base,
  } = read;
  find("#bundles").append(...bundles.map((bundle) => card(bundle, base)));
  find("#broken").hidden = broken.length === 0;
  for (const { name, problem } of broken) {
    const line = document.createElement("li");
    line.textContent = `${name}: ${problem}`;
    find("#broken ul").append(line);
  }
  const told = bundles.length === 1 ? "1 bundle" : `${bundles.length} bundles`;
  const follow = () => {
    const bundle = bundles.find((one) => placeOf(one) === location.hash);
    const isLost = !bundle && location.hash.length > 1;
    state.textContent = isLost ? `There is not a bundle at ${location.hash} here. ${told}:` : told;
    void watch(bundle, base);
  };
  addEventListener("hashchange", follow);
  follow();
}

void start();
