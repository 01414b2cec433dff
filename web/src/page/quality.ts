/** Draws quality.json as a row of bars below the player: the score of each segment, plain and enhanced. */

import type { NeudashPlayer } from "../element";

interface Scores {
  psnr_y: number | null;
  vmaf: number | null;
}
interface Measured {
  rungs: { id: string; segments: { number: number; start_s?: number; plain: Scores; enhanced: Scores | null }[] }[];
}

type Rung = Measured["rungs"][number];

/** Fills the figure for the rung on show and keeps it up to date; returns a function that ends that. */
export async function showQuality(figure: HTMLElement, url: string | null, player: NeudashPlayer): Promise<() => void> {
  figure.hidden = true;
  const answer = url ? await fetch(url).catch(() => null) : null;
  if (!answer?.ok) return () => undefined;
  const measured = (await answer.json()) as Measured;
  let shown = "";
  const update = () => {
    const rung = measured.rungs.find(({ id }) => id === player.status.rung?.id);
    if (!rung) return;
    if (shown !== rung.id) draw(figure, rung, player);
    shown = rung.id;
    const at = rung.segments.findLastIndex((segment) => (segment.start_s ?? Infinity) <= player.status.timeS + 0.01);
    const bars = [...figure.querySelectorAll<HTMLElement>(".chart button")];
    for (const [index, bar] of bars.entries()) bar.setAttribute("aria-current", String(index === at));
    const pointed = bars.find((bar) => bar.matches(":hover, :focus-visible")) ?? bars[at];
    figure.querySelector(".segment")!.textContent = pointed?.ariaLabel ?? "";
  };
  player.addEventListener("status", update);
  return () => player.removeEventListener("status", update);
}

function draw(figure: HTMLElement, rung: Rung, player: NeudashPlayer): void {
  const hasVmaf = rung.segments.every(({ plain }) => plain.vmaf !== null);
  const [key, name, unit] = hasVmaf ? (["vmaf", "VMAF", ""] as const) : (["psnr_y", "PSNR-Y", " dB"] as const);
  const pairs = rung.segments.map(({ plain, enhanced }) => {
    const before = plain[key] ?? 0;
    return [before, enhanced?.[key] ?? before] as const;
  });
  // From a little below the worst plain score: gains are small beside whole scores.
  const low = Math.max(0, Math.floor(Math.min(...pairs.map(([plain]) => plain)) - 5));
  const high = Math.max(...pairs.flat());
  const share = (value: number) => (100 * value) / (high - low);
  const bars = rung.segments.map((segment, index) => {
    const [plain, enhanced] = pairs[index];
    const bar = document.createElement("button");
    bar.type = "button";
    const scores = segment.enhanced
      ? `${plain.toFixed(1)} plain, ${enhanced.toFixed(1)} enhanced`
      : `${plain.toFixed(1)}, no model`;
    bar.ariaLabel = `Segment ${segment.number}: ${name} ${scores}`;
    const [base, gain] = [document.createElement("i"), document.createElement("i")];
    gain.className = "gain";
    base.style.setProperty("--share", `${share(plain - low)}%`);
    gain.style.setProperty("--share", `${share(Math.max(0, enhanced - plain))}%`); // a loss is told, not drawn
    gain.style.setProperty("--plain", `${share(plain - low)}%`);
    bar.append(base, gain);
    bar.addEventListener("click", () => {
      if (segment.start_s !== undefined) player.video.currentTime = segment.start_s;
    });
    return bar;
  });
  figure.querySelector(".chart")!.replaceChildren(...bars);
  const mean = (side: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[side], 0) / pairs.length;
  figure
    .querySelector("figcaption")!
    .replaceChildren(
      `${name} of ${rung.id} by segment, on average`,
      swatch(""),
      `${mean(0).toFixed(1)}${unit} plain`,
      ...(rung.segments.some(({ enhanced }) => enhanced)
        ? [swatch(" gain"), `${mean(1).toFixed(1)}${unit} enhanced`]
        : []),
      `. Bars begin at ${low}.`,
    );
  figure.hidden = false;
}

function swatch(kind: string): HTMLElement {
  const square = document.createElement("i");
  square.className = `swatch${kind}`;
  return square;
}
