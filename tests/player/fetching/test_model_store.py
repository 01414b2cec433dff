"""The model store: models of segments, and models that are late, broken, missing or of tomorrow."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from manifests.model import ModelFile, ModelTrack, Representation, VideoFormat, VideoRepresentation
from manifests.networks import NetworkSpec
from manifests.weights import ModelWeights
from player.errors import FetchError, SinkError
from player.fetching import model_store
from player.fetching.model_store import MAX_HELD, ModelStore, expected_model
from player.fetching.transport import Download
from player.superres.model_choice import NO_MODELS, PLAIN_IS_BEST, SegmentModel, Unavailable, model_for_segment
from tests.support.models import coded_model
from tests.support.presentations import rung_of

if TYPE_CHECKING:
    from collections.abc import Callable

SHA = {n: f"{n:064x}" for n in range(1, 4)}


def file(n: int, base: int | None = None) -> ModelFile:
    return ModelFile(n, f"models/{n}.ndm", 100 * n, SHA[n], base)


def track(uses: tuple[int | None, ...], **changes: object) -> ModelTrack:
    model_store = (file(1), file(2, base=1), file(3, base=2))
    whole = ModelTrack("t", "c4d1", 2, 100, 1, 1000, "ndm/1", model_store, uses)
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]  # the tests name fields of it


def rung(*tracks: ModelTrack, problem: str | None = None) -> VideoRepresentation:
    return rung_of("r", VideoFormat(160, 90, Fraction(24)), [1, 1], 1, tracks=tracks, problem=problem)


def test_a_chain_comes_full_weights_first() -> None:
    wanted = model_for_segment(rung(track((3, None))), 0)
    assert [model.n for model in wanted.files] == [1, 2, 3]
    assert wanted.kind == "update"


def test_full_weights_are_a_base() -> None:
    assert model_for_segment(rung(track((1, None))), 0).kind == "base"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rung(), NO_MODELS),
        (rung(track((1, None))), PLAIN_IS_BEST),
        (rung(track((1, 1), format="ndm/9")), "format 'ndm/9' is not known"),
        (rung(track((1, 1), network="swin-b")), "network 'swin-b' is not known"),
        (rung(track((1, 1), scale=8)), "no network"),
        (rung(problem="a table of version 2"), "a table of version 2"),
    ],
)
def test_a_segment_without_a_model_says_why(made: Representation, said: str) -> None:
    wanted = model_for_segment(made, 1)
    assert wanted.files == ()
    assert wanted.kind == "none"
    assert wanted.reason is not None and said in wanted.reason


def test_the_best_rank_that_is_known_is_taken() -> None:
    better = track((1, 1), id="better", rank=1, network="of-tomorrow")
    second = track((1, None), id="second", rank=2)
    third = track((1, 1), id="third", rank=3)
    made = rung(third, second, better)
    chosen = [model_for_segment(made, index).track for index in (0, 1)]
    assert [t.id for t in chosen if t is not None] == ["second", "third"]


def test_no_more_is_read_than_the_manifest_promises() -> None:
    assert expected_model(file(2)).max_bytes == 200
    assert expected_model(dataclasses.replace(file(1), size_bytes=1 << 40)).max_bytes <= 4 << 20


class Library:
    """Model files by href; counts what is asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.delay_s = 0.0

    async def download(self, representation: Representation, file: ModelFile) -> Download:
        self.asked.append(file.href)
        await asyncio.sleep(self.delay_s)
        if file.href not in self.files:
            raise FetchError(f"{file.href}: HTTP 404")
        data = self.files[file.href]
        return Download(data, len(data), 0.0)


@dataclasses.dataclass(frozen=True)
class Chain:
    """A full model and an update to it, with their files."""

    base: SegmentModel
    update: SegmentModel
    library: Library


@pytest.fixture
def chain() -> Chain:
    full = coded_model(1)
    update = coded_model(2, base=full)
    model_store = tuple(
        ModelFile(n, f"models/{n}.ndm", len(data), hashlib.sha256(data).hexdigest(), base)
        for n, data, base in ((1, full, None), (2, update, 1))
    )
    made = rung(track((1, 2), models=model_store))
    library = Library({model.href: data for model, data in zip(model_store, (full, update), strict=True)})
    return Chain(model_for_segment(made, 0), model_for_segment(made, 1), library)


def outcomes(
    library: Library, *wanted: SegmentModel, patience_s: float | None = 5.0, between: Callable[[], None] = lambda: None
) -> tuple[list[ModelWeights | Unavailable], list[int]]:
    """Returns what became of each wanted model, one after the other, and the bytes counted."""
    received: list[int] = []

    async def obtain() -> list[ModelWeights | Unavailable]:
        store = ModelStore(library.download)
        found = []
        for item in wanted:
            store.request(item, received.append)
            found.append(await store.weights(item, patience_s))
            between()
        await store.close()
        return found

    return asyncio.run(obtain()), received


def test_a_model_is_fetched_once_and_an_update_adds_only_itself(chain: Chain) -> None:
    found, received = outcomes(chain.library, chain.base, chain.update, chain.base, chain.update)
    assert all(isinstance(weights, ModelWeights) for weights in found)
    assert found[0] is found[2] and found[1] is found[3]
    assert chain.library.asked == ["models/1.ndm", "models/2.ndm"]
    assert received == [len(data) for data in chain.library.files.values()]


def test_what_is_missing_is_what_would_be_asked_for(chain: Chain) -> None:
    async def missing() -> list[list[int]]:
        store = ModelStore(chain.library.download)
        before = [file.n for file in store.missing(chain.update)]
        store.request(chain.base, lambda _: None)
        await store.weights(chain.base, None)
        return [before, [file.n for file in store.missing(chain.update)]]

    assert asyncio.run(missing()) == [[1, 2], [2]]


def test_a_missing_base_costs_its_updates_too_and_is_not_asked_for_again(chain: Chain) -> None:
    del chain.library.files["models/1.ndm"]
    found, _ = outcomes(chain.library, chain.base, chain.update, chain.base)
    assert found == [Unavailable("models/1.ndm: HTTP 404")] * 3
    assert chain.library.asked == ["models/1.ndm"]


def test_a_passing_failure_is_tried_again_for_the_next_segment(chain: Chain) -> None:
    failures = [FetchError("models/1.ndm: HTTP 503", temporary=True)]
    working = chain.library.download

    async def failing_once(representation: Representation, file: ModelFile) -> Download:
        if failures:
            raise failures.pop()
        return await working(representation, file)

    chain.library.download = failing_once  # type: ignore[method-assign]  # a server that recovers
    found, _ = outcomes(chain.library, chain.base, chain.base)
    assert found[0] == Unavailable("models/1.ndm: HTTP 503")
    assert isinstance(found[1], ModelWeights)


def test_a_late_model_serves_later_segments(chain: Chain) -> None:
    chain.library.delay_s = 0.3

    async def obtain() -> list[ModelWeights | Unavailable]:
        store = ModelStore(chain.library.download)
        found = []
        for wait_s in (0.0, 0.0, 0.6):
            await asyncio.sleep(wait_s)
            store.request(chain.base, lambda _: None)
            found.append(await store.weights(chain.base, 0.05))
        return found

    first, second, third = asyncio.run(obtain())
    assert first == second == Unavailable("late: models/1.ndm did not come within 0.05 s")
    assert isinstance(third, ModelWeights)
    assert chain.library.asked == ["models/1.ndm"]


def test_bytes_that_are_no_model_are_a_reason(chain: Chain) -> None:
    chain.library.files["models/1.ndm"] = b"PK\x03\x04 a keras archive, say"
    found, received = outcomes(chain.library, chain.base)
    assert isinstance(found[0], Unavailable) and "models/1.ndm" in found[0].reason
    assert received == [len(chain.library.files["models/1.ndm"])]


def test_another_network_than_the_manifest_says_is_a_reason(chain: Chain) -> None:
    chain.library.files["models/1.ndm"] = coded_model(1, NetworkSpec(2, 8, 2))
    found, _ = outcomes(chain.library, chain.base)
    assert found == [Unavailable("models/1.ndm contains c8d2, the manifest says c4d1")]


def test_a_model_that_cannot_be_kept_ends_the_session(chain: Chain) -> None:
    async def disk_full(representation: Representation, file: ModelFile) -> Download:
        raise SinkError("the disk is full")

    chain.library.download = disk_full  # type: ignore[method-assign]  # the failing disk
    with pytest.raises(SinkError):
        outcomes(chain.library, chain.base)


def test_models_held_stay_within_their_bound(chain: Chain) -> None:
    async def held() -> int:
        store = ModelStore(chain.library.download)
        for seed in range(MAX_HELD + 20):
            data = coded_model(seed)
            model = ModelFile(1, f"models/s{seed}.ndm", len(data), hashlib.sha256(data).hexdigest())
            chain.library.files[model.href] = data
            wanted = dataclasses.replace(chain.base, files=(model,))
            store.request(wanted, lambda _: None)
            assert isinstance(await store.weights(wanted, None), ModelWeights)
        return sum(not store.missing(dataclasses.replace(chain.base, files=(model,))) for model in _models())

    assert asyncio.run(held()) <= MAX_HELD


def test_a_model_that_was_forgotten_is_waited_for_again(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_store, "MAX_HELD", 1)

    async def again() -> ModelWeights | Unavailable:
        store = ModelStore(chain.library.download)
        for wanted in (chain.update, chain.base):
            store.request(wanted, lambda _: None)
            await store.weights(wanted, None)
        chain.library.delay_s = 0.1
        monkeypatch.setattr(model_store, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 100))
        store.request(chain.update, lambda _: None)
        return await store.weights(chain.update, 50.0)

    assert isinstance(asyncio.run(again()), ModelWeights)
    assert chain.library.asked.count("models/2.ndm") == 2


def _models() -> list[ModelFile]:
    files = [(seed, coded_model(seed)) for seed in range(MAX_HELD + 20)]
    return [ModelFile(1, f"models/s{seed}.ndm", len(d), hashlib.sha256(d).hexdigest()) for seed, d in files]
