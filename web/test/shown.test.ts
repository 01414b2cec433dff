import { expect, test } from "vitest";
import type { Rung, Table } from "../src/model/table";
import { ShownRungs } from "../src/playback/shown";

function rung(id: string, width: number, height: number): Rung {
  return { id, width, height, shownWidth: width, shownHeight: height } as Rung;
}

const TABLE = { rungs: [rung("high", 640, 360), rung("low", 640, 360), rung("half", 320, 180)] } as unknown as Table;

test("a size that only one rung has needs no request", () => {
  expect(new ShownRungs().rungAt(TABLE, 1, 320, 180)?.id).toBe("half");
  expect(new ShownRungs().rungAt(TABLE, 1, 321, 180)).toBeNull();
  expect(new ShownRungs().rungShownAt(TABLE, 1, 321, 179)?.id).toBe("half");
});

test("of rungs of one size the one requested last for that time is shown", () => {
  const shown = new ShownRungs();
  expect(shown.rungAt(TABLE, 1, 640, 360)).toBeNull();
  shown.add({ rungId: "high", startS: 0, endS: 2 });
  shown.add({ rungId: "low", startS: 0, endS: 2 });
  shown.add({ rungId: "high", startS: 2, endS: 4 });
  expect(shown.rungAt(TABLE, 1.9, 640, 360)?.id).toBe("low");
  expect(shown.rungAt(TABLE, 2, 640, 360)?.id).toBe("high");
  shown.add({ rungId: "high", startS: 0, endS: 2 });
  expect(shown.rungAt(TABLE, 1, 640, 360)?.id).toBe("high");
});
