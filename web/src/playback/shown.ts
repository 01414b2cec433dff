/** Finds the rung that a picture came from: by the requests made, confirmed by its size. */

import type { Rung, Table } from "../model/table";
import type { SegmentRequest } from "./adapter";

export class ShownRungs {
  private readonly requests = new Map<number, SegmentRequest[]>();

  add(request: SegmentRequest): void {
    const key = Math.round(request.startS * 1000);
    const before = (this.requests.get(key) ?? []).filter((known) => known.rungId !== request.rungId);
    this.requests.set(key, [...before, request]);
  }

  /** Returns the rung last requested for a time whose pictures have that size; null if there is none. */
  rungAt(table: Table, timeS: number, width: number, height: number): Rung | null {
    return this.oneOf(
      table.rungs.filter((rung) => rung.width === width && rung.height === height),
      timeS,
    );
  }

  /** Returns the same by the size in square pixels, which each browser rounds in its own way. */
  rungShownAt(table: Table, timeS: number, width: number, height: number): Rung | null {
    const isNear = (one: number, other: number) => Math.abs(one - other) <= 1;
    const fits = (rung: Rung) => isNear(rung.shownWidth, width) && isNear(rung.shownHeight, height);
    return this.oneOf(table.rungs.filter(fits), timeS);
  }

  private oneOf(candidates: readonly Rung[], timeS: number): Rung | null {
    if (candidates.length < 2) return candidates[0] ?? null;
    for (const requests of this.requests.values()) {
      const { startS, endS } = requests[0];
      if (timeS < startS || timeS >= endS) continue;
      const found = [...requests].reverse().flatMap(({ rungId }) => candidates.filter(({ id }) => id === rungId));
      if (found.length) return found[0];
    }
    return null;
  }
}
