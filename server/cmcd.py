"""Parses what players report with their requests (CTA-5004, Common Media Client Data), apart from answering them."""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

Value = str | int | bool

MODEL_KEY = "neudash-model"
"""Custom key, with the required prefix: the id of the model track in use, or `none`."""
CMCD_HEADERS = (b"cmcd-request", b"cmcd-object", b"cmcd-status", b"cmcd-session")

# Reports come from strangers, so the length of a text and the number of reports and sessions have limits.
_LONGEST_BYTES = 2048
_MOST_WAITING = 10_000
_MOST_SESSIONS = 1000
_FORGOTTEN_AFTER_S = 600.0
_BUFFER_BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)

_PAIR = re.compile(r'\s*([A-Za-z][A-Za-z0-9.-]{0,63})(?:=("(?:[^"\\]|\\.)*"|[^",]*))?\s*(?:,|$)')
_NUMBERS = ("br", "bl", "d", "dl", "mtp", "rtp", "tb", "v")


def parse_cmcd(*texts: str) -> dict[str, Value]:
    """Returns the pairs in the texts of one request; a pair that cannot be read ends its text. Never raises.

    Keys that the standard defines as numbers give int, keys without a value True, others str without control
    characters.
    """
    found: dict[str, Value] = {}
    for text in texts:
        place = 0
        while place < len(text) and (match := _PAIR.match(text, place)):
            key, value = match[1], match[2]
            place = match.end()
            if value is None:
                found[key] = True
            elif key in _NUMBERS:
                # A malformed number is left out, and reading goes on behind it.
                if value.isascii() and value.isdigit() and len(value) <= 12:
                    found[key] = int(value)
            else:
                plain = value[1:-1].replace('\\"', '"').replace("\\\\", "\\") if value.startswith('"') else value
                found[key] = "".join(letter for letter in plain if letter.isprintable())[:200]
    return found


def texts_of(query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """Returns the CMCD texts of one request, for `parse_cmcd`; drops those longer than any player sends."""
    texts = [value for name, value in headers if name in CMCD_HEADERS]
    # Searched for by bytes first, because most requests have none.
    if b"CMCD=" in query:
        parts = (part[5:] for part in query.split(b"&") if part.startswith(b"CMCD="))
        texts += (unquote_to_bytes(part.replace(b"+", b" ")) for part in parts)
    return [text.decode("utf-8", "replace") for text in texts if len(text) <= _LONGEST_BYTES]


@dataclass
class Session:
    """Last report of one playback, and how often it stalled."""

    seen_at_s: float = 0.0
    requests: int = 0
    stalls: int = 0
    """Requests after the buffer had run empty (`bs`)."""
    buffer_ms: int | None = None
    bitrate_kbps: int | None = None
    model: str | None = None


class Reports:
    """Queues raw reports while answers are sent, and parses them later; counts and drops those beyond a limit."""

    def __init__(self) -> None:
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.dropped = 0
        self.stalls = 0
        self.enhanced = 0
        """Number of reports with a model in use."""
        self.buffers: list[int] = [0] * (len(_BUFFER_BOUNDS_S) + 1)
        self.buffer_sum_s = 0.0
        self._waiting: deque[tuple[bytes, list[tuple[bytes, bytes]]]] = deque()

    def note(self, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Queues the query and headers of one request that may contain a report."""
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
        else:
            self._waiting.append((query, headers))

    def digest(self, now_s: float | None = None) -> None:
        """Parses the queued reports, and forgets sessions that have been silent for ten minutes."""
        now_s = time.time() if now_s is None else now_s
        while self._waiting:
            told = parse_cmcd(*texts_of(*self._waiting.popleft()))
            if told:
                self._take(told, now_s)
        # The session heard of last is at the end, so the oldest is the first.
        while self.sessions:
            oldest = next(iter(self.sessions.values()))
            if len(self.sessions) <= _MOST_SESSIONS and now_s - oldest.seen_at_s < _FORGOTTEN_AFTER_S:
                break
            self.sessions.popitem(last=False)

    def _take(self, told: dict[str, Value], now_s: float) -> None:
        model = told.get(MODEL_KEY)
        stalled = told.get("bs") is True
        # Counts over all reports, with or without a session.
        self.stalls += stalled
        self.enhanced += model not in (None, "none")
        buffer_ms = told.get("bl")
        if isinstance(buffer_ms, int):
            self.buffers[sum(buffer_ms / 1000 > bound for bound in _BUFFER_BOUNDS_S)] += 1
            self.buffer_sum_s += buffer_ms / 1000
        # Without a session id the report cannot be attributed to a playback.
        name = told.get("sid")
        if not isinstance(name, str) or not name:
            return
        session = self.sessions.setdefault(name[:64], Session())
        self.sessions.move_to_end(name[:64])
        session.seen_at_s = now_s
        session.requests += 1
        session.stalls += stalled
        # A report need not contain every key; the older value stays then.
        if isinstance(buffer_ms, int):
            session.buffer_ms = buffer_ms
        bitrate_kbps = told.get("br")
        if isinstance(bitrate_kbps, int):
            session.bitrate_kbps = bitrate_kbps
        if isinstance(model, str):
            session.model = model

    @property
    def buffer_bounds_s(self) -> tuple[float, ...]:
        """Upper bounds of the counts in `buffers`, in seconds; the last count has no bound."""
        return _BUFFER_BOUNDS_S
