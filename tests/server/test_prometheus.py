"""The sum of what workers counted, as a folder and two of them show it."""

from pathlib import Path

from server.cmcd import Reports
from server.metrics import Counters
from server.prometheus import Snapshots


def worker(folder: Path | None) -> tuple[Counters, Snapshots]:
    counters = Counters()
    snapshots = Snapshots(folder, counters, Reports())
    snapshots.write()
    return counters, snapshots


def answer(counters: Counters, times: int) -> None:
    for _ in range(times):
        counters.add(counters.traffic_of("film", "video"), 200, 1000)


def answered(snapshots: Snapshots) -> int:
    return snapshots.total()["requests"].get("film\nvideo", 0)


def test_no_total_falls_when_another_worker_is_asked(tmp_path: Path) -> None:
    (one, first), (other, second) = worker(tmp_path), worker(tmp_path)
    told = []
    for _ in range(3):
        answer(one, 12)
        first.write()
        answer(other, 8)
        told += [answered(second), answered(first)]
        second.write()
        told += [answered(first), answered(second)]
    assert told == sorted(told)
    assert told[-1] == 60


def test_the_sum_counts_each_worker_once(tmp_path: Path) -> None:
    (_, first), (_, second) = worker(tmp_path), worker(tmp_path)
    assert first.total()["now"]["workers"] == second.total()["now"]["workers"] == 2


def test_a_worker_alone_tells_what_it_counted_this_moment() -> None:
    counters, snapshots = worker(None)
    answer(counters, 3)
    assert answered(snapshots) == 3
    assert b'neudash_requests_total{bundle="film",kind="video"} 3.0' in snapshots.exposition(lambda _name: True)


def test_a_worker_that_cannot_write_still_tells_its_own(tmp_path: Path) -> None:
    (one, first), (other, second) = worker(tmp_path), worker(tmp_path / "gone")
    answer(one, 2)
    answer(other, 3)
    first.write()
    second.write()
    assert answered(first) == 2
    assert answered(second) == 3


def test_bundles_that_may_not_be_shown_are_one() -> None:
    counters, snapshots = worker(None)
    for bundle in ("film", "mine", "yours"):
        counters.add(counters.traffic_of(bundle, "video"), 200, 1000)
    text = snapshots.exposition(lambda name: name == "film").decode()
    assert 'neudash_requests_total{bundle="private",kind="video"} 2.0' in text
    assert 'bundle="film"' in text and "mine" not in text and "yours" not in text
