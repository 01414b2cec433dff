"""The models that segments want: which of their files are not held yet, and the weights once they are."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from manifests.errors import BundleError
from manifests.model import ModelFile, Representation
from manifests.networks import parse_network
from manifests.weights import MAX_MODEL_BYTES, ModelWeights, decode_model
from player.errors import FetchError
from player.fetching.transport import Download, Expected
from player.superres.model_choice import NO_MODELS, SegmentModel, Unavailable

MAX_HELD = 64
"""Models kept decoded. Sessions with an update for every segment of a film must not grow without end."""

_Chain = tuple[ModelFile, ...]
_Key = tuple[str, ...]

Received = Callable[[int], None]
"""Receives the bytes that a model file took."""


class ModelStore:
    """Fetched models by content. Each is asked for once, however many segments want it, unless it failed for now."""

    def __init__(self, download: Callable[[Representation, ModelFile], Awaitable[Download]]) -> None:
        """`download` fetches one checked file of a rung, or raises FetchError with the file's name in it."""
        self._download = download
        self._loads: OrderedDict[_Key, asyncio.Task[ModelWeights]] = OrderedDict()
        """Loads that run or are done, least recently used first."""
        self._first_asked_s: dict[_Key, float] = {}
        """Time of each load's first request; a retry after a temporary failure keeps it."""

    def missing(self, model: SegmentModel) -> tuple[ModelFile, ...]:
        """The members of its chain that would have to be asked for."""
        return tuple(chain[-1] for chain in _prefixes(model.files) if self._must_ask(_key(chain)))

    def request(self, model: SegmentModel, received: Received) -> None:
        """Start fetching what is missing; returns at once."""
        for chain in _prefixes(model.files):
            key = _key(chain)
            if self._must_ask(key):
                self._loads[key] = asyncio.create_task(self._load(model, chain, received))
                self._first_asked_s.setdefault(key, time.monotonic())
            self._loads.move_to_end(key)

    async def weights(self, model: SegmentModel, patience_s: float | None) -> ModelWeights | Unavailable:
        """Returns the weights of a requested model, or why there are none.

        A model is waited for until `patience_s` after it was first requested (None: as long as its download takes),
        once for all segments that want it; if it comes later, it serves later segments. Raises what `download` raises
        except FetchError: a file that was fetched and cannot be kept must not go unnoticed.
        """
        if not model.files:
            return Unavailable(model.reason or NO_MODELS)
        key = _key(model.files)
        load = self._loads[key]
        waited_s = time.monotonic() - self._first_asked_s[key]
        await asyncio.wait([load], timeout=None if patience_s is None else max(0.0, patience_s - waited_s))
        self._forget_oldest()
        if not load.done():
            return Unavailable(f"late: {model.files[-1].href} did not come within {patience_s:g} s")
        try:
            return load.result()
        except FetchError as error:
            return Unavailable(str(error))

    async def close(self) -> None:
        """Give up what is under way."""
        for load in self._loads.values():
            load.cancel()
        await asyncio.gather(*self._loads.values(), return_exceptions=True)

    def _must_ask(self, key: _Key) -> bool:
        load = self._loads.get(key)
        if load is None or not load.done():
            return load is None
        error = load.exception()
        return isinstance(error, FetchError) and error.temporary

    async def _load(self, model: SegmentModel, chain: _Chain, received: Received) -> ModelWeights:
        """Loads and decodes a model. Raises FetchError that names the file, for every fault of it."""
        base = await asyncio.shield(self._loads[_key(chain[:-1])]) if len(chain) > 1 else None
        file, track = chain[-1], model.track
        assert track is not None, "a chain of files belongs to a track"
        download = await self._download(model.representation, file)
        received(download.size_bytes)
        try:
            weights = await asyncio.to_thread(decode_model, download.data, base)
        except BundleError as error:
            raise FetchError(f"{file.href}: {error}") from error
        if weights.spec != parse_network(track.network, track.scale):
            raise FetchError(f"{file.href} contains {weights.spec.name}, the manifest says {track.network}")
        return weights

    def _forget_oldest(self) -> None:
        done = [key for key, load in self._loads.items() if load.done()]
        for key in done[: max(0, len(self._loads) - MAX_HELD)]:
            del self._loads[key], self._first_asked_s[key]


def expected_model(file: ModelFile) -> Expected:
    """Returns size and hash that the manifest promises of a model file."""
    return Expected(min(file.size_bytes, MAX_MODEL_BYTES), file.sha256, file.size_bytes)


def _prefixes(chain: _Chain) -> list[_Chain]:
    """The chain's first member, its first two, ... : each is a model that the next one updates."""
    return [chain[:length] for length in range(1, len(chain) + 1)]


def _key(chain: _Chain) -> _Key:
    """An update means other weights on another base, so the whole chain names them."""
    return tuple(file.sha256 for file in chain)
