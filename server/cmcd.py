"""What players tell with their requests (CTA-5004, Common Media Client Data): read off the path of the answers."""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

Value = str | int | bool

MODEL_KEY = "neudash-model"
"""Our own key, with the prefix that custom keys must have: the id of the model track in use, or `none`."""
CMCD_HEADERS = (b"cmcd-request", b"cmcd-object", b"cmcd-status", b"cmcd-session")

_LONGEST_BYTES = 2048
_MOST_WAITING = 10_000
_MOST_SESSIONS = 1000
_FORGOTTEN_AFTER_S = 600.0
_BUFFER_BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)

_PAIR = re.compile(r'\s*([A-Za-z][A-Za-z0-9.-]{0,63})(?:=("(?:[^"\\]|\\.)*"|[^",]*))?\s*(?:,|$)')
_NUMBERS = ("br", "bl", "d", "dl", "mtp", "rtp", "tb", "v")


def parse_cmcd(*texts: str) -> dict[str, Value]:
    """The pairs in the texts of one request; what cannot be read ends its text. Never raises.

    Numbers that the standard knows are integers, what has no value is True, tokens and strings are text without
    control characters.
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
                if value.isascii() and value.isdigit() and len(value) <= 12:
                    found[key] = int(value)
            else:
                plain = value[1:-1].replace('\\"', '"').replace("\\\\", "\\") if value.startswith('"') else value
                found[key] = "".join(letter for letter in plain if letter.isprintable())[:200]
    return found


def texts_of(query: bytes, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The texts that `parse_cmcd` takes, of one request. Longer ones than players send are left out."""
    texts = [value for name, value in headers if name in CMCD_HEADERS]
    if b"CMCD=" in query:
        parts = (part[5:] for part in query.split(b"&") if part.startswith(b"CMCD="))
        texts += (unquote_to_bytes(part.replace(b"+", b" ")) for part in parts)
    return [text.decode("utf-8", "replace") for text in texts if len(text) <= _LONGEST_BYTES]


@dataclass
class Session:
    """What one playback said last, and how often it was in trouble."""

    seen_at_s: float = 0.0
    requests: int = 0
    stalls: int = 0
    """Requests after a time without anything to play (`bs`)."""
    buffer_ms: int | None = None
    bitrate_kbps: int | None = None
    model: str | None = None


class Reports:
    """Takes raw reports in the path of an answer and digests them beside it; a flood is counted and dropped."""

    def __init__(self) -> None:
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.dropped = 0
        self.stalls = 0
        self.enhanced = 0
        """Reports of a model in use."""
        self.buffers: list[int] = [0] * (len(_BUFFER_BOUNDS_S) + 1)
        self.buffer_sum_s = 0.0
        self._waiting: deque[tuple[bytes, list[tuple[bytes, bytes]]]] = deque()

    def note(self, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """One request that may have said something."""
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
        else:
            self._waiting.append((query, headers))

    def digest(self, now_s: float | None = None) -> None:
        """Reads what has come in, and forgets sessions that have been silent for long."""
        now_s = time.time() if now_s is None else now_s
        while self._waiting:
            told = parse_cmcd(*texts_of(*self._waiting.popleft()))
            if told:
                self._take(told, now_s)
        while self.sessions:
            oldest = next(iter(self.sessions.values()))
            if len(self.sessions) <= _MOST_SESSIONS and now_s - oldest.seen_at_s < _FORGOTTEN_AFTER_S:
                break
            self.sessions.popitem(last=False)

    def _take(self, told: dict[str, Value], now_s: float) -> None:
        model = told.get(MODEL_KEY)
        stalled = told.get("bs") is True
        self.stalls += stalled
        self.enhanced += model not in (None, "none")
        buffer_ms = told.get("bl")
        if isinstance(buffer_ms, int):
            self.buffers[sum(buffer_ms / 1000 > bound for bound in _BUFFER_BOUNDS_S)] += 1
            self.buffer_sum_s += buffer_ms / 1000
        name = told.get("sid")
        if not isinstance(name, str) or not name:
            return
        session = self.sessions.setdefault(name[:64], Session())
        self.sessions.move_to_end(name[:64])
        session.seen_at_s = now_s
        session.requests += 1
        session.stalls += stalled
        if isinstance(buffer_ms, int):
            session.buffer_ms = buffer_ms
        bitrate_kbps = told.get("br")
        if isinstance(bitrate_kbps, int):
            session.bitrate_kbps = bitrate_kbps
        if isinstance(model, str):
            session.model = model

    @property
    def buffer_bounds_s(self) -> tuple[float, ...]:
        """Of the counts in `buffers`; the last count has no bound."""
        return _BUFFER_BOUNDS_S
