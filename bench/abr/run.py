"""Runs every policy over every trace, and computes the figures of the bench."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.abr.metrics import groups_of, mean_metrics, metrics
from bench.abr.simulate import Link, simulate
from bench.abr.title import Title
from bench.programs import ROOT, BenchError
from player.abr.policies.bones import bones_with
from player.abr.rules import DEFAULT, RULES
from player.abr.state import Abandon, Policy
from player.fetching.network_trace import NetworkTrace, read_trace

TRACES = ROOT.parent / "shared" / "traces"

RTT_S = {"3g": 0.08}
OTHER_RTT_S = 0.02
TUNED = "bones-tuned"
# Grid of parameters for the tuned BONES, around those of its authors.
GAMMAS_P = (5.0, 10.0, 20.0)
V_FACTORS = (0.7, 0.85, 1.0, 1.2)
"""Factors that are tried on the authors' V."""
PLAIN = " (plain)"
"""Suffix of the name of a policy without models."""
GIVING_UP = " + giving up"
"""Suffix of the name of a rival that also abandons late segments, by dash.js' rule, which its paper does not have."""


@dataclass(frozen=True)
class Settings:
    """Settings of the simulation."""

    duration_s: float = 600.0
    buffers_s: tuple[float, ...] = (60.0, 20.0)
    macs_per_s: float = 75e9
    """Speed of the machine that enhances."""
    starts: int = 3
    """Number of sessions on each trace, with starts spread over it, because outages meet sessions by chance."""
    forget: bool = False
    """True if every repetition of the title has models of its own."""


def read_traces(folder: Path) -> dict[str, NetworkTrace]:
    """Returns the traces by name. Raises BenchError if there are none, UnplayableError if one is malformed."""
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise BenchError(f"{folder} has no network traces (*.csv)")
    return {path.stem: read_trace(path) for path in paths}


def link_of(name: str, trace: NetworkTrace) -> Link:
    """Returns the link of a trace; 3G traces have the round-trip time of 3G."""
    return Link(trace, next((rtt_s for group, rtt_s in RTT_S.items() if group in name), OTHER_RTT_S))


def compared(
    title: Title, traces: Mapping[str, NetworkTrace], settings: Settings, said: Callable[[str], None]
) -> dict[str, Any]:
    """Returns, by buffer length, the metrics of every policy with and without models: by trace, and their means."""
    buffers: dict[str, Any] = {}
    for capacity_s in settings.buffers_s:
        policies: dict[str, Any] = {}
        for name, (policy, abandon) in _contestants(tuned_bones(title, traces, settings, capacity_s)).items():
            # Each policy plays the title with models and without.
            for played, suffix in ((title, ""), (title.plain(), PLAIN)):
                # CPU time, so that other processes do not count.
                started_s = time.process_time()
                by_trace = _by_trace(played, policy, traces, settings, capacity_s, abandon)
                decisions = settings.starts * len(traces) * len(played.looped(settings.duration_s, forget=False))
                policies[name + suffix] = {
                    "traces": by_trace,
                    "mean": mean_metrics(by_trace),
                    "groups": {group: mean_metrics(by_trace, group) for group in groups_of(list(traces))},
                    "decision_ms": 1000 * (time.process_time() - started_s) / decisions,
                }
                said(f"{capacity_s:g} s buffer, {name}{suffix}: {policies[name + suffix]['mean']['qoe_bones']:.2f}")
        buffers[f"{capacity_s:g}"] = policies
    return buffers


def _contestants(tuned: Policy) -> dict[str, tuple[Policy, Abandon | None]]:
    """Returns (policy, abandon rule) by name. Rivals that may abandon take part twice, without and with the rule."""
    found: dict[str, tuple[Policy, Abandon | None]] = {name: (rule.choose, None) for name, rule in RULES.items()}
    found[TUNED] = tuned, None
    for name, rule in RULES.items():
        if rule.abandon is not None:
            found[name if name == DEFAULT else name + GIVING_UP] = rule.choose, rule.abandon
    return found


def tuned_bones(title: Title, traces: Mapping[str, NetworkTrace], settings: Settings, capacity_s: float) -> Policy:
    """Returns BONES with those parameters of a grid that score best on these same traces, as no real tuning could."""

    def qoe(policy: Policy) -> float:
        return mean_metrics(_by_trace(title, policy, traces, settings, capacity_s))["qoe_bones"]

    return max((partial(bones_with, gamma_p=g, v_factor=v) for g in GAMMAS_P for v in V_FACTORS), key=qoe)


def _by_trace(
    title: Title,
    policy: Policy,
    traces: Mapping[str, NetworkTrace],
    settings: Settings,
    capacity_s: float,
    abandon: Abandon | None = None,
) -> dict[str, dict[str, float]]:
    segments = title.looped(settings.duration_s, forget=settings.forget)

    def session(link: Link, start: int) -> dict[str, float]:
        # Sessions start at equal distances on the trace.
        begun = replace(link, begun_s=link.trace.duration_s * start / settings.starts)
        return metrics(title, simulate(segments, policy, begun, capacity_s, abandon))

    return {
        name: mean_metrics({str(start): session(link_of(name, trace), start) for start in range(settings.starts)})
        for name, trace in traces.items()
    }


def goals(policies: Mapping[str, Any], ours: str) -> dict[str, Any]:
    """Returns the figures that the goals are about, for one buffer length, and which goals they reach."""
    rivals = [name for name in policies if name != ours and not name.endswith(PLAIN)]
    plain = [name for name in policies if name.endswith(PLAIN)]

    def mean(name: str, key: str) -> float:
        return float(policies[name]["mean"][key])

    # Ours is compared with the best rival of all, and its stalls with the better of the two kinds of BOLA.
    best = max(rivals, key=lambda name: mean(name, "qoe_bones"))
    stall_bola_s = min(mean(name, "stall_s") for name in ("bola", "bola" + GIVING_UP))
    over_best = _percent(mean(ours, "qoe_bones"), mean(best, "qoe_bones"))
    over_bones = _percent(mean(ours, "qoe_bones"), mean("bones", "qoe_bones"))
    nas = {group: _nas(policies, ours, plain, group) for group in ("3g", "fcc") if group in policies[ours]["groups"]}
    return {
        "best_rival": best,
        "qoe_over_best_rival_percent": over_best,
        "qoe_over_bones_percent": over_bones,
        "stall_s": mean(ours, "stall_s"),
        "stall_s_bola": stall_bola_s,
        "nas_over_best_plain_percent": nas,
        "reached": {
            "qoe above every rival": over_best > 0,
            "qoe 5 % above bones": over_bones >= 5,
            "stalls no longer than bola": mean(ours, "stall_s") <= stall_bola_s,
            "nas form 43 % above the best without models": all(percent >= 43 for percent in nas.values()),
        },
    }


def _nas(policies: Mapping[str, Any], ours: str, plain: Sequence[str], group: str) -> float:
    best = max(policies[name]["groups"][group]["qoe_nas"] for name in plain)
    return _percent(policies[ours]["groups"][group]["qoe_nas"], best)


def _percent(value: float, base: float) -> float:
    return 100 * (value - base) / abs(base)
