"""The time of a source: when its packets are shown or heard in the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from media.programs import source_options, source_url


@dataclass(frozen=True)
class Timeline:
    """One shift for a whole file whose time stamps are all right."""

    first_picture_s: Fraction
    """The raw time of the bundle's first picture."""

    def shift_s(self, stream_index: int, packet_number: int) -> Fraction | None:
        """What to add to the raw time of a packet; 0 of the sum is when the bundle's first picture is shown."""
        return -self.first_picture_s


def timeline_of(path: Path, first_picture_s: Fraction) -> Timeline:
    """The timeline of a bundle whose first picture is `first_picture_s` after the start of the file."""
    with av.open(source_url(path), options=source_options(), metadata_errors="replace") as container:
        return Timeline(Fraction(container.start_time or 0, av.time_base) + first_picture_s)
