/** Lists the rungs to choose from. */

import type { Rung } from "../model/table";

/** Entry for any rung that the network allows, up to the largest with models. */
export const ENHANCED = "enhanced";

export class RungList {
  /** Calls `chosen` with an id, `ENHANCED`, or an empty string if the network decides. */
  constructor(
    private readonly select: HTMLSelectElement,
    chosen: (rung: string) => void,
  ) {
    select.addEventListener("change", () => chosen(select.value));
  }

  show(rungs: readonly Rung[]): void {
    const options = rungs.map(({ id, height, tracks }) => {
      const isAlone = rungs.filter((other) => other.height === height).length === 1;
      return new Option(`${height}p${isAlone ? "" : ` · ${id}`}${tracks.length ? ", enhanced" : ""}`, id);
    });
    const enhanced = rungs.some(({ tracks }) => tracks.length) ? [new Option("Auto, enhanced", ENHANCED)] : [];
    this.select.replaceChildren(new Option("Auto", ""), ...enhanced, ...options);
  }

  /** Chooses an entry; returns false, and changes nothing, if there is no such rung. */
  mark(rung: string): boolean {
    if (![...this.select.options].some(({ value }) => value === rung)) return false;
    this.select.value = rung;
    return true;
  }
}
