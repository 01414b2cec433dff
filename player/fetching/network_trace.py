"""A recorded network, second by second: arrival times of bytes over it. Pure except for reading the file.

A trace is CSV with the header `time_s,kbps`, rows one second apart from 0; row `t,k` means that k kilobits (1000 bits)
cross the link from t to t + 1. After the last row it starts over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from player.errors import UnplayableError

HEADER = "time_s,kbps"
MAX_TRACE_BYTES = 4 << 20
MAX_ROWS = 200_000
MAX_KBPS = 1e9


@dataclass(frozen=True)
class NetworkTrace:
    """Throughput of a link, repeated without end."""

    kbps: tuple[float, ...]
    """Rate of every second; none negative, not all 0."""

    @property
    def duration_s(self) -> int:
        """Duration after which it starts over."""
        return len(self.kbps)

    @cached_property
    def _bits(self) -> NDArray[np.float64]:
        """Bits that crossed the link by the end of every second; 0 at first."""
        return np.concatenate(([0.0], np.cumsum(np.array(self.kbps) * 1000)))

    def arrival_s(self, start_s: float, size_bytes: float) -> float:
        """Returns the time at which the last of `size_bytes` arrives that were sent at `start_s` (from 0, the trace's
        start)."""
        if size_bytes <= 0:
            return start_s
        # So little that it is lost among the bits before it would else arrive before an outage that it set off in.
        return max(start_s, self._time_s(self._bits_by(start_s) + 8 * size_bytes))

    def bytes_between(self, start_s: float, end_s: float) -> float:
        """Returns the bytes that cross the link from one time to another."""
        return (self._bits_by(end_s) - self._bits_by(start_s)) / 8

    def _bits_by(self, time_s: float) -> float:
        rounds, rest_s = divmod(time_s, self.duration_s)
        second = min(int(rest_s), self.duration_s - 1)
        within = self._bits[second] + (rest_s - second) * self.kbps[second] * 1000
        return float(rounds * self._bits[-1] + within)

    def _time_s(self, bits: float) -> float:
        """Returns the time at which that many bits have crossed the link since time 0."""
        rounds, rest = divmod(bits, self._bits[-1])
        # The first second by whose end they have all crossed: its rate is not 0.
        second = max(0, int(np.searchsorted(self._bits, rest, side="left")) - 1)
        rate = self.kbps[second] * 1000
        within_s = (rest - self._bits[second]) / rate if rate > 0 else 0.0
        return float(rounds * self.duration_s + second + within_s)


def read_trace(path: Path) -> NetworkTrace:
    """Raises UnplayableError, which names the file and the row."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TRACE_BYTES + 1)
    except OSError as error:
        raise UnplayableError(f"the network trace {path} cannot be read: {error.strerror}") from error
    try:
        return parse_trace(data)
    except ValueError as error:
        raise UnplayableError(f"the network trace {path}: {error}") from error


def parse_trace(data: bytes) -> NetworkTrace:
    """Raises ValueError, which names the row."""
    if len(data) > MAX_TRACE_BYTES:
        raise ValueError(f"it is larger than {MAX_TRACE_BYTES} bytes")
    header, *rows = data.decode("ascii", errors="replace").splitlines() or [""]
    if header.strip() != HEADER:
        raise ValueError(f"it begins with {header[:40]!r} instead of {HEADER!r}")
    if not 1 <= len(rows) <= MAX_ROWS:
        raise ValueError(f"{len(rows)} rows, where 1 to {MAX_ROWS} are read")
    kbps = tuple(_kbps(row, second) for second, row in enumerate(rows))
    if not any(kbps):
        raise ValueError("nothing ever crosses this link")
    return NetworkTrace(kbps)


def _kbps(row: str, second: int) -> float:
    time_s, _, rate = row.partition(",")
    try:
        at_s, kbps = float(time_s), float(rate)
    except ValueError as error:
        raise ValueError(f"row {second + 1}, {row[:40]!r}, is not a time and a rate") from error
    if at_s != second:
        raise ValueError(f"row {second + 1} is at {time_s[:20]} s; rows are one second apart from 0")
    if not 0 <= kbps <= MAX_KBPS:
        raise ValueError(f"row {second + 1} has {rate[:20]} kbps; 0 to {MAX_KBPS:g} are read")
    return kbps
