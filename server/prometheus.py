"""Exports the counts for Prometheus: the sum over all workers, whichever of them answers.

Each worker writes its totals into a shared folder once a second, and every answer adds up the files there, its own
worker's file too. So no total is lower in a later scrape, even if another worker answers or one has died. (Prometheus
takes a counter that falls for one that was reset.)
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from server.cmcd import Reports
from server.metrics import LATENCY_BOUNDS_S, Counters

_SILENT_AFTER_S = 5.0
"""Age in seconds of a worker's file after which its connections and sessions no longer count."""

Totals = dict[str, Any]


class Snapshots:
    """Writes the totals of this process, and adds up those of all processes that use the same folder."""

    def __init__(self, folder: Path | None, counters: Counters, reports: Reports) -> None:
        """`folder`: None if this is the only process. Call `write` once before the first request."""
        self._counters = counters
        self._reports = reports
        self._file = folder / f"{os.getpid()}-{time.time_ns()}.json" if folder else None
        self._written = False

    def write(self) -> None:
        """Writes this process's totals. If that fails, only the sums of the other processes lack them."""
        if self._file is None:
            return
        # Renamed into place, so that no other worker reads half a file.
        temporary = self._file.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(_totals(self._counters, self._reports)))
            temporary.replace(self._file)
        except OSError:
            self._written = False
        else:
            self._written = True

    def close(self) -> None:
        """Writes the last totals, which stay in the folder after the process has ended."""
        self.write()

    def exposition(self, may_show: Callable[[str], bool]) -> bytes:
        """Returns the totals in Prometheus' text format, private bundles joined as `private`. Blocks on the folder."""
        registry = CollectorRegistry()
        registry.register(_Collector(self.total(), may_show))
        return generate_latest(registry)

    def total(self) -> Totals:
        """Returns the sum of what all processes wrote last; if this one could not write, its present totals count."""
        written = self._written
        # Our own totals come from our file as well, unless it could not be written.
        total = _totals(Counters(), Reports(), workers=0) if written else _totals(self._counters, self._reports)
        for path in sorted(self._file.parent.glob("*.json")) if self._file else ():
            if written or path != self._file:
                # A file may vanish or be damaged; the others still count.
                with contextlib.suppress(OSError, ValueError):
                    silent = time.time() - path.stat().st_mtime > _SILENT_AFTER_S
                    part = json.loads(path.read_text())
                    total = _sum(total, {**part, "now": {}} if silent else part)
        return total


def _totals(c: Counters, r: Reports, workers: int = 1) -> Totals:
    return {
        "requests": {f"{bundle}\n{kind}": t.requests for (bundle, kind), t in c.traffic.items()},
        "bytes": {f"{bundle}\n{kind}": t.bytes for (bundle, kind), t in c.traffic.items()},
        "statuses": {str(status): count for status, count in c.statuses.items()},
        "refused": dict(c.refused),
        "latencies": dict(zip(_names(LATENCY_BOUNDS_S), c.latencies, strict=True)),
        # Keyed by bound, so that `_sum` can add them like the other counts.
        "buffers": dict(zip(_names(r.buffer_bounds_s), r.buffers, strict=True)),
        "sums": {
            "latency": c.latency_sum_s,
            "buffer": r.buffer_sum_s,
            "from_disk": c.from_disk,
            "stalls": r.stalls,
            "enhanced": r.enhanced,
            "dropped": r.dropped,
        },
        "now": {"connections": c.connections(), "sessions": len(r.sessions), "workers": workers},
    }


def _sum(one: Totals, other: Totals) -> Totals:
    return {
        family: {
            key: values.get(key, 0) + other.get(family, {}).get(key, 0) for key in {**values, **other.get(family, {})}
        }
        for family, values in one.items()
    }


def _names(bounds: tuple[float, ...]) -> list[str]:
    return [*map(str, bounds), "+Inf"]


class _Collector:
    def __init__(self, total: Totals, may_show: Callable[[str], bool]) -> None:
        self._total = total
        self._may_show = may_show

    def collect(self) -> Iterator[Metric]:
        """Yields every metric family once."""
        yield self._by_bundle("neudash_requests", "Answers", self._total["requests"])
        yield self._by_bundle("neudash_sent_bytes", "Bytes of bodies", self._total["bytes"])
        yield self._counter("neudash_responses", "Answers by status", "status", self._total["statuses"])
        yield self._counter("neudash_refused", "Connections and requests refused", "reason", self._total["refused"])
        sums, now = self._total["sums"], self._total["now"]
        helps = {
            "from_disk": ("neudash_from_disk", "Answers whose first bytes were not in the page cache"),
            "stalls": ("neudash_player_stalls", "Reports of players whose buffer had run empty (CMCD bs)"),
            "enhanced": ("neudash_player_enhanced", "Reports of players with a model in use (CMCD neudash-model)"),
            "dropped": ("neudash_player_reports_dropped", "Reports dropped as too many to read"),
        }
        for key, (name, text) in helps.items():
            yield CounterMetricFamily(name, text, value=sums[key])
        yield _histogram("neudash_response_seconds", "Time of an answer", self._total["latencies"], sums["latency"])
        yield _histogram("neudash_player_buffer_seconds", "Buffers (CMCD bl)", self._total["buffers"], sums["buffer"])
        yield GaugeMetricFamily("neudash_connections", "Open connections", value=now["connections"])
        yield GaugeMetricFamily("neudash_player_sessions", "Playbacks of the last ten minutes", value=now["sessions"])
        yield GaugeMetricFamily("neudash_workers", "Processes that answer", value=now["workers"])

    def _by_bundle(self, name: str, text: str, values: dict[str, float]) -> Metric:
        family = CounterMetricFamily(name, text, labels=["bundle", "kind"])
        # All private bundles share one label, so that their names do not leak.
        labelled: dict[tuple[str, str], float] = {}
        for key, value in sorted(values.items()):
            bundle, kind = key.split("\n")
            label = bundle if not bundle or self._may_show(bundle) else "private"
            labelled[label, kind] = labelled.get((label, kind), 0) + value
        for labels, value in labelled.items():
            family.add_metric(labels, value)
        return family

    def _counter(self, name: str, text: str, label: str, values: dict[str, float]) -> Metric:
        family = CounterMetricFamily(name, text, labels=[label])
        for key, value in sorted(values.items()):
            family.add_metric([key], value)
        return family


def _histogram(name: str, text: str, counts: dict[str, float], total: float) -> Metric:
    # Prometheus counts cumulatively: a bucket contains all below it.
    below, buckets = 0.0, []
    for bound in sorted(counts, key=float):
        below += counts[bound]
        buckets.append((bound, below))
    family = HistogramMetricFamily(name, text)
    family.add_metric([], buckets, total)
    return family
