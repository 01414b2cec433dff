"""The simulator against sums done by hand, its metrics, and the whole bench on a tiny bundle."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.abr.__main__ import main
from bench.abr.metrics import groups_of, mean_metrics, metrics
from bench.abr.plots import bars, colours
from bench.abr.run import GIVING_UP, PLAIN, TUNED, Settings, compared, goals, link_of, read_traces
from bench.abr.simulate import INIT_BYTES, Link, simulate
from bench.abr.table import markdown_of
from bench.abr.title import Title
from bench.programs import BenchError
from player.abr.rules import RULES
from player.abr.state import Decision, Enhancement, ModelPart, Policy, Progress, RungChoice, State, Upcoming
from player.fetching.network_trace import NetworkTrace

if TYPE_CHECKING:
    from pathlib import Path


def segment(cost_s: float = 1.0) -> Upcoming:
    """4 s on two rungs, 100 and 400 kB, each with a model of 10 kB that is worth 5."""
    return Upcoming(
        4.0,
        tuple(
            RungChoice(
                name,
                size_bytes * 2,
                size_bytes,
                quality,
                (Enhancement(f"t-{name}", (ModelPart(f"m-{name}", 10_000),), quality + 5, cost_s),),
            )
            for name, size_bytes, quality in (("low", 100_000.0, 50.0), ("high", 400_000.0, 80.0))
        ),
    )


TITLE = Title("two rungs", (segment(),) * 3, 100)
STEADY = Link(NetworkTrace((400.0,)), 0.1)
"""50 kB a second."""
INIT_S = 0.1 + INIT_BYTES / 50e3
"""Extra time that the first segment of a rung takes, for its init segment."""


def always(rung: str, track: str | None = None, wait_s: float = 0.0) -> Policy:
    return lambda state: Decision(rung, track, wait_s)


def test_downloads_buffer_and_stalls_are_those_of_a_sum_by_hand() -> None:
    """8.1 s for 400 kB of 4 s: the first is start-up, each further one stalls for 4.1 s."""
    session = simulate(TITLE.segments, always("high"), STEADY, 20.0)
    assert session.startup_s == pytest.approx(8.1 + INIT_S)
    assert [s.download_s for s in session.segments] == pytest.approx([8.1 + INIT_S, 8.1, 8.1])
    assert [s.stall_s for s in session.segments] == pytest.approx([0.0, 4.1, 4.1])
    assert session.stall_s == pytest.approx(8.2)


def test_a_model_is_paid_for_once_and_shows_in_quality() -> None:
    session = simulate(TITLE.segments, always("low", "t-low"), STEADY, 20.0)
    assert [s.model_bytes for s in session.segments] == [10_000, 0, 0]
    assert [s.download_s for s in session.segments] == pytest.approx([2.3 + INIT_S, 2.1, 2.1])
    assert [s.quality for s in session.segments] == [55.0] * 3
    assert session.stall_s == 0


def test_an_enhancer_that_is_too_slow_shows_plain_segments_and_never_stalls() -> None:
    """6 s of work for every 4 s: what cannot end in time is not begun."""
    session = simulate((segment(cost_s=6.0),) * 12, always("low", "t-low"), STEADY, 60.0)
    shown = [s.track is not None for s in session.segments]
    assert not shown[0]
    assert 0.3 <= sum(shown) / len(shown) <= 0.8
    assert session.stall_s == 0


def test_waiting_spends_the_buffer_and_no_more() -> None:
    session = simulate(TITLE.segments, always("low", None, 100.0), STEADY, 20.0)
    assert [s.stall_s for s in session.segments] == pytest.approx([0.0, 2.1, 2.1])


def test_a_segment_given_up_costs_what_came_of_it() -> None:
    """45 of the second segment's 400 kB come within a second; the other rung's 100 kB are there 2.1 s later."""

    def soon(state: State, progress: Progress) -> Decision | None:
        return Decision("low") if progress.rung == "high" and progress.elapsed_s >= 1 else None

    session = simulate(TITLE.segments[:2], always("high"), STEADY, 20.0, soon)
    first, second = session.segments
    assert (first.rung, first.given_up_bytes) == ("high", 0)
    assert (second.rung, second.given_up_bytes) == ("low", pytest.approx(45_000))
    assert second.download_s == pytest.approx(1.0 + 2.1 + INIT_S)
    assert second.stall_s == 0
    assert metrics(TITLE, session)["bytes"] == pytest.approx(400_000 + 45_000 + 100_000 + 100)


def test_a_model_goes_on_coming_when_its_segment_is_given_up() -> None:
    def at_once(state: State, progress: Progress) -> Decision | None:
        return Decision("low", "t-low") if progress.rung == "high" else None

    segment_s = simulate(TITLE.segments[:2], always("high", "t-high"), Link(NetworkTrace((80.0,)), 0.1), 20.0, at_once)
    second = segment_s.segments[1]
    assert second.rung == "low"
    assert second.model_bytes == 10_000
    assert second.given_up_bytes == pytest.approx(0.4 * 10_000)


@pytest.mark.parametrize("policy", [rule.choose for rule in RULES.values()], ids=RULES)
@settings(max_examples=15, deadline=None)
@given(
    rates=st.lists(st.floats(0, 5000), min_size=3, max_size=40).filter(lambda r: max(r) > 100), rtt_s=st.floats(0, 1)
)
def test_what_a_link_carried_is_what_was_fetched(policy: Policy, rates: list[float], rtt_s: float) -> None:
    trace = NetworkTrace(tuple(rates))
    seen: list[State] = []

    def watching(state: State) -> Decision:
        seen.append(state)
        return policy(state)

    session = simulate(TITLE.looped(40, forget=False), watching, Link(trace, rtt_s), 20.0)
    assert len(session.segments) == 10
    assert all(state.buffer_s <= 20.0 + 1e-6 for state in seen)
    last = seen[-1].transfers[-1]
    fetched = sum(s.media_bytes + s.model_bytes for s in session.segments[:-1])
    assert fetched <= trace.bytes_between(0.0, last.ended_s) + 1


def test_metrics_are_means_per_segment() -> None:
    session = simulate(TITLE.segments, always("high"), STEADY, 20.0)
    found = metrics(
        TITLE, replace(session, segments=(replace(session.segments[0], quality=50.0), *session.segments[1:]))
    )
    assert found["quality"] == pytest.approx(70.0)
    assert found["change"] == pytest.approx(10.0)
    assert found["qoe_bones"] == pytest.approx(70 - 10 - 100 * 8.2 / 3)
    assert found["qoe_pensieve"] == pytest.approx(0.8 - 4.3 * 8.2 / 3)
    assert found["bytes"] == 1_200_100


def test_effective_bitrates_lie_on_the_plain_ladder() -> None:
    assert TITLE.effective_mbps("low", None) == pytest.approx(0.2)
    assert TITLE.effective_mbps("low", "t-low") == pytest.approx(0.2 + 0.6 * 5 / 30)
    assert TITLE.effective_mbps("high", "t-high") == pytest.approx(0.8)


def test_a_round_that_forgets_pays_for_its_models_again() -> None:
    kept, again = (
        simulate(TITLE.looped(24, forget=forget), always("low", "t-low"), STEADY, 20.0) for forget in (False, True)
    )
    assert [s.model_bytes for s in kept.segments] == [10_000, 0, 0, 0, 0, 0]
    assert [s.model_bytes for s in again.segments] == [10_000, 0, 0, 10_000, 0, 0]


def test_traces_of_3g_have_its_delay() -> None:
    trace = NetworkTrace((1000.0,))
    assert (link_of("3g-tram", trace).rtt_s, link_of("fcc-1", trace).rtt_s) == (0.08, 0.02)
    assert groups_of(["3g-tram", "tmobile-umts-drive"]) == ["3g", "umts"]


def test_the_comparison_covers_every_policy_with_models_and_without() -> None:
    traces = {"3g-a": NetworkTrace((300.0, 900.0)), "fcc-b": NetworkTrace((700.0,))}
    buffers = compared(TITLE, traces, Settings(24.0, (20.0,)), lambda line: None)
    rivals = {*RULES, TUNED, *(name + GIVING_UP for name in ("bola", "dynamic", "throughput"))} - {"joint"}
    assert set(buffers["20"]) == {name + suffix for name in (*rivals, "joint") for suffix in ("", PLAIN)}
    joint = buffers["20"]["joint"]
    assert joint["mean"] == mean_metrics(joint["traces"])
    assert joint["groups"]["3g"] == joint["traces"]["3g-a"]
    assert all(found["mean"]["enhanced"] == 0 for name, found in buffers["20"].items() if name.endswith(PLAIN))
    reached = goals(buffers["20"], "joint")
    assert reached["best_rival"] in rivals
    chosen = colours(buffers["20"], "joint")
    assert set(chosen) == {*rivals, "joint"} and len(set(chosen.values())) == len(chosen), "a colour each"
    assert {*rivals, "joint"} <= set(re.findall(r"<text [^>]*>([^<]+)</text>", bars(buffers["20"], "joint", "20")))
    table = markdown_of({"buffers": buffers, "goals": {"20": reached}})
    assert table.count("\n| ") == 2 + 2 * (len(rivals) + 1)


def test_a_folder_without_traces_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError):
        read_traces(tmp_path)


def test_a_bundle_without_a_table_is_named(
    packaged_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("time_s,kbps\n0,500\n")
    assert main([str(packaged_bundle), "--traces", str(tmp_path)]) == 1
    assert "neudash report" in capsys.readouterr().err


def test_the_command_writes_figures_plots_and_a_table(measured_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "3g-a.csv").write_text("time_s,kbps\n0,90\n1,400\n")
    outputs = ["--json", str(tmp_path / "o.json"), "--plots", str(tmp_path), "--markdown", str(tmp_path / "o.md")]
    arguments = ["--traces", str(tmp_path), "--seconds", "20", "--buffers", "20", *outputs]
    assert main([str(measured_bundle), *arguments]) == 0
    result = json.loads((tmp_path / "o.json").read_text())
    assert {"bench", "command", "machine", "settings", "title", "buffers", "goals"} <= set(result)
    assert (tmp_path / "o.md").read_text().startswith("Buffer of 20 s")
    for name in ("qoe-20s.svg", "stalls-20s.svg"):
        assert (tmp_path / name).read_text().startswith("<svg")
