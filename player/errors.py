"""Errors that stop the player, or a part of its work: one root, one subclass for each reaction."""

from __future__ import annotations

from manifests.errors import NeudashError


class PlayerError(NeudashError):
    """Root of everything this package raises. `str()` is one sentence fit for a person to read."""


class UnplayableError(PlayerError):
    """Nothing can be played: no manifest, no video in it, no such rung, a server that is gone."""


class FetchError(PlayerError):
    """One file was not delivered."""

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary
        """True if a later attempt may succeed: after a timeout, a 503, a broken connection; never after a 404."""


class SinkError(PlayerError):
    """An output cannot be written or shown."""
