"""Compares the simulator with the real player, in real time over a shaped connection to the real server."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.abr.run import link_of
from bench.abr.simulate import INIT_BYTES, simulate
from bench.abr.title import Title, read_title
from bench.programs import neudash, served
from manifests.names import MANIFEST
from player.abr.rules import RULES
from player.fetching.network_trace import NetworkTrace

POLICIES = ("throughput", "bola", "joint")
BUFFER_S = 20.0


def checked(
    bundle: Path, folder: Path, traces: Mapping[str, NetworkTrace], said: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Plays and simulates the title without enhancement, over each trace with each of POLICIES.

    Returns a row of bytes and stalls of both for each session, which takes as long as the title. Raises BenchError.
    """
    title = read_title(bundle, 1.0).plain()
    rows = []
    with served(bundle) as address, tempfile.TemporaryDirectory() as work:
        for name, trace in traces.items():
            for policy in POLICIES:
                stats = Path(work) / "stats.json"
                rtt_s = link_of(name, trace).rtt_s
                neudash(
                    *("play", address, "--window", "--no-enhance", "--abr", policy, "--buffer", f"{BUFFER_S:g}"),
                    *("--network-trace", folder / f"{name}.csv", "--network-rtt", f"{rtt_s:g}", "--stats", stats),
                )
                row = _row(name, policy, json.loads(stats.read_text()), bundle, title, trace)
                said(
                    f"{name}, {policy}: {row['bytes_error_percent']:+.2f} % bytes, {row['stall_error_s']:+.2f} s stall"
                )
                rows.append(row)
    return rows


def _row(
    name: str, policy: str, stats: dict[str, Any], bundle: Path, title: Title, trace: NetworkTrace
) -> dict[str, Any]:
    link = link_of(name, trace)
    # The player fetches the manifest before the first segment.
    link = replace(link, begun_s=trace.arrival_s(link.rtt_s, (bundle / MANIFEST).stat().st_size))
    predicted = simulate(title.segments, RULES[policy].choose, link, BUFFER_S, RULES[policy].abandon)
    # Init segments are fetched once for each rung.
    predicted_bytes = sum(segment.media_bytes for segment in predicted.segments)
    predicted_bytes += INIT_BYTES * len({segment.rung for segment in predicted.segments})
    real_bytes = sum(segment["video_bytes"] for segment in stats["segments"])
    return {
        "trace": name,
        "policy": policy,
        "rungs_equal": sum(
            told["rung"] == shown.rung for told, shown in zip(stats["segments"], predicted.segments, strict=True)
        ),
        "segments": len(predicted.segments),
        "bytes": real_bytes,
        "predicted_bytes": predicted_bytes,
        "bytes_error_percent": 100 * (predicted_bytes - real_bytes) / real_bytes,
        "stall_s": stats["stall_s"],
        "predicted_stall_s": predicted.stall_s,
        "stall_error_s": predicted.stall_s - stats["stall_s"],
        "startup_s": stats["startup_s"],
        "predicted_startup_s": link.begun_s + predicted.startup_s,
    }
