"""The time of a source: when its packets are shown or heard in the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Timeline:
    """One shift for a whole file whose time stamps are all right."""

    first_picture_s: Fraction
    """The raw time of the bundle's first picture."""

    def shift_s(self, stream_index: int, packet_number: int) -> Fraction | None:
        """What to add to the raw time of a packet; 0 of the sum is when the bundle's first picture is shown."""
        return -self.first_picture_s
