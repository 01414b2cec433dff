/** Which rung a picture came from: remembered from what was asked for, confirmed by its size. */

import type { Rung, Table } from "../model/table";
import type { SegmentRequest } from "./adapter";

export class ShownRungs {
  private readonly requests = new Map<number, SegmentRequest[]>();

  add(request: SegmentRequest): void {
    const key = Math.round(request.startS * 1000);
    const before = (this.requests.get(key) ?? []).filter((known) => known.rungId !== request.rungId);
    this.requests.set(key, [...before, request]);
  }

  /** The rung last asked for at that time which has pictures of that size; null where none has. */
  rungAt(table: Table, timeS: number, width: number, height: number): Rung | null {
    const fits = (rung: Rung) => rung.width === width && rung.height === height;
    const candidates = table.rungs.filter(fits);
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
