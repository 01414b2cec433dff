"""docs/bundle.md says what the code does."""

from __future__ import annotations

import re

from media.resize import phase_taps
from tests.support.paths import ROOT

SPECIFICATION = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")


def test_the_printed_taps_are_the_taps() -> None:
    rows = re.findall(r"^\| ([234]) \| ([0-3]) \| ([\u22120-9 ]+) \|$", SPECIFICATION, re.MULTILINE)
    printed = {(int(s), int(p)): tuple(int(t.replace("\u2212", "-")) for t in taps.split()) for s, p, taps in rows}
    assert printed == {(s, p): taps for s in (2, 3, 4) for p, taps in enumerate(phase_taps(s))}
