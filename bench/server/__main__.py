"""Compares our server with nginx: same files, same client, turn by turn.

nginx (the system's, with sendfile) and the protocols of `neudash serve` run on one core each, and wrk on another, in
interleaved rounds; figures are medians. `bare` is uvicorn with an application that only sends the same bytes, so what
ours costs above it is our own. Ratios are of requests a second, and of the server's CPU time for a request, which is
the steadier figure.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.plots import OURS, RIVAL, Bar, bars
from bench.processes import proportional_bytes
from bench.programs import BenchError
from bench.server import table
from bench.server.library import ITEMS, write_bundle
from bench.server.load import Measured, Running, bare, load, nginx, ours
from console.outputs import write_output

CONNECTIONS = (1, 32, 256)
LISTED_BUNDLES = 200
PROTOCOLS = ("direct", "guarded", "plain")
"""Protocols of `neudash serve`: `direct`, the default, writes unconditional answers itself; `guarded` sends everything
through the ASGI application, with deadlines; `plain` does so by uvicorn's own protocol."""
SERVERS = ("direct", "plain", "bare")
COLOURS = {"direct": OURS, "plain": "#8a5a00", "guarded": "#b98b3c", "bare": "#b8c0c8", "nginx": RIVAL}
PLOTS = {
    "server_requests.svg": ("ratio_to_nginx", "Requests a second relative to nginx (1 is equal)"),
    "server_cpu.svg": ("cpu_ratio_to_nginx", "CPU time for a request relative to nginx (1 is equal)"),
}


def main(argv: list[str]) -> int:
    """Measures, prints the table, writes the outputs, and returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        for program in ("nginx", "wrk", "taskset"):
            if shutil.which(program) is None:
                raise BenchError(f"{program} is not installed: run .ci/install-system-packages")
        result = measure(options)
    except BenchError as error:
        print(f"bench.server: {error}", file=sys.stderr)
        return 1
    print(table.text_of(result))
    files = {}
    if options.json:
        files[options.json] = json.dumps(result, indent=1) + "\n"
    if options.markdown:
        files[options.markdown] = table.markdown_of(result)
    # Plots are for the number of connections of the goals, if that was measured.
    if options.plots:
        connections = table.GOALS_AT if table.GOALS_AT in options.connections else options.connections[0]
        files |= {options.plots / name: svg for name, svg in plots_of(result["runs"], connections).items()}
    for path, text in files.items():
        write_output(path, text.encode())
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Returns all figures as JSON. Raises BenchError."""
    runs: dict[tuple[str, int, str], list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="neudash-bench-") as folder:
        work = Path(folder)
        paths = {item: f"/bundles/film/{href}" for item, href in write_bundle(work / "root" / "film").items()}
        with ExitStack() as stack:
            servers = _started(stack, work, list(paths.values()), options.servers)
            # Interleaved, so that the machine's load affects all servers alike.
            for _ in range(options.rounds):
                for item in ITEMS:
                    for count in options.connections:
                        for name, server in servers.items():
                            measured = load(server, paths[item], count, options.seconds)
                            runs.setdefault((item, count, name), []).append(measured)
            memory = {name: proportional_bytes(server.process) for name, server in servers.items()}
        # A server of its own, because many bundles would change the others' figures.
        listed = _listing(work)
    medians = [
        {"item": item, "connections": count, "server": name, **asdict(_median(measured))}
        for (item, count, name), measured in runs.items()
    ]
    result = {
        "what": __doc__.splitlines()[0] if __doc__ else "",
        "machine": machine(),
        "seconds": options.seconds,
        "rounds": options.rounds,
        "runs": medians,
        "memory_bytes": memory,
        "memory_bytes_200_bundles": listed,
        **table.ratios(medians),
    }
    return {**result, "goals": table.goals_of(result)}


def plots_of(runs: Sequence[dict[str, Any]], connections: int) -> dict[str, str]:
    """Returns the plots of every server relative to nginx as SVG, by file name."""
    shown = [run for run in table.with_ratios(runs) if run["connections"] == connections]
    plots = {}
    for name, (field, title) in PLOTS.items():
        groups: dict[str, list[Bar]] = {}
        for run in shown:
            groups.setdefault(run["item"], []).append((run["server"], run[field], COLOURS[run["server"]]))
        plots[name] = bars(f"{title}; {connections} connections", groups, "{:.2f}")
    return plots


def _started(stack: ExitStack, work: Path, paths: list[str], names: list[str]) -> dict[str, Running]:
    servers = {"nginx": stack.enter_context(nginx(work))}
    for name in names:
        if name != "bare":
            servers[name] = stack.enter_context(ours(work / "root", name))
    if "bare" in names:
        # `bare` sends the bytes of ours, because nginx sends fewer headers.
        with ExitStack() as only_asked:
            example = servers.get(names[0]) or only_asked.enter_context(ours(work / "root", "plain"))
            urls = [example.address + path for path in paths]
            servers["bare"] = stack.enter_context(bare(urls))
    return servers


def _median(values: list[Measured]) -> Measured:
    columns = zip(*(asdict(value).values() for value in values), strict=True)
    return Measured(*(round(statistics.median(column), 3) for column in columns))


def _listing(work: Path) -> int:
    """Returns the memory in bytes of one worker that has listed many bundles and answered for a second."""
    for number in range(LISTED_BUNDLES):
        write_bundle(work / "many" / f"film{number:03d}")
    with ours(work / "many", "direct") as server:
        url = f"{server.address}/api/bundles"
        subprocess.run(["wrk", "-t1", "-c4", "-d1s", url], capture_output=True, check=True)
        return proportional_bytes(server.process)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.server",
        description=__doc__,
        epilog="example: python -m bench.server --json bench-out/server.json --plots bench-out",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=2, help="seconds of every load in every round (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS), metavar="N")
    parser.add_argument(
        "--servers",
        nargs="+",
        choices=[*PROTOCOLS, "bare"],
        default=list(SERVERS),
        metavar="NAME",
        help="servers next to nginx: direct, guarded, plain, bare (default: all but guarded)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a table to FILE")
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="write server_requests.svg and server_cpu.svg into DIR"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
