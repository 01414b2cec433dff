"""Dolby Vision: whether the pictures can be shown without it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RECORD = re.compile(r"DOVI configuration record: .*?\bprofile: (\d+).*?\bcompatibility id: (\d+)")


@dataclass(frozen=True)
class DolbyVision:
    """The configuration that the container states (its `dvcC`, `dvvC` or descriptor)."""

    profile: int
    compatibility_id: int
    """The kind of the base layer by itself: 1 or 6 HDR10, 2 SDR, 4 HLG, 0 nothing."""

    @property
    def has_usual_base(self) -> bool:
        """True if the pictures are HDR10, HLG or SDR for players that ignore Dolby Vision."""
        # Profile 7 is that of Blu-ray discs, whose base layer is HDR10 whatever the number says.
        return self.profile == 7 or (self.profile != 5 and self.compatibility_id != 0)


def dolby_vision(description: str) -> DolbyVision | None:
    """The configuration in ffmpeg's lines about a stream; None for a stream without one."""
    found = _RECORD.search(description)
    return DolbyVision(int(found[1]), int(found[2])) if found else None
