"""`neudash doctor`: runs the probes and shows the findings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from console.command import command, command_parser
from console.outputs import check_outputs, output_file, results_to, write_json
from neudash.doctor import engines, machine, programs
from neudash.doctor.findings import JOBS, Finding, Probe, hinders, jobs_possible, main_job_possible


@command("neudash doctor")
def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if the whole of `neudash demo` can run on this machine, 1 otherwise."""
    options = _parser().parse_args(argv)
    outputs = [options.json] if options.json else []
    check_outputs(outputs)
    findings = examine(every_probe(try_camera=options.camera))
    able = jobs_possible(findings)
    for path in outputs:
        write_json(path, _as_json(findings, able))
    _show(findings, able, Console(file=results_to(outputs)))
    return 0 if main_job_possible(able) else 1


def every_probe(*, try_camera: bool) -> list[Probe]:
    """All probes, in the order in which a person wants to read them."""
    return [
        machine.python,
        programs.ffmpeg,
        *(partial(programs.codec, *codec) for codec in programs.CODECS),
        *(partial(programs.filter_of_ffmpeg, *row) for row in programs.FILTERS),
        programs.mp4box,
        engines.openvino,
        *(partial(engines.keras_backend, backend) for backend in engines.BACKENDS),
        engines.nvidia,
        machine.display,
        machine.sound,
        partial(machine.camera, switch_on=try_camera),
        machine.disk,
    ]


def examine(tries: Sequence[Probe]) -> list[Finding]:
    """All findings, in the order of the probes; these run side by side, mostly waiting for other programs."""
    with ThreadPoolExecutor(max_workers=len(tries)) as pool:
        return list(pool.map(lambda probe: probe(), tries))


def _as_json(findings: Sequence[Finding], able: dict[str, bool]) -> dict[str, object]:
    return {"ok": main_job_possible(able), "can": able, "findings": [asdict(f) for f in findings]}


def _show(findings: Sequence[Finding], able: dict[str, bool], console: Console) -> None:
    table = Table.grid("", "", Column(overflow="fold"), padding=(0, 2))
    for finding in findings:
        table.add_row(_mark(finding, able), finding.name, escape(finding.detail))
        if not finding.ok and finding.remedy:
            table.add_row("", "", f"[dim]to get it: {escape(finding.remedy)}[/]")
    console.print(table)
    console.print()
    for heading, wanted in (("This machine can", True), ("It cannot", False)):
        jobs = [job for job in JOBS if able[job] is wanted]
        if jobs:
            console.print(f"{heading}: {', '.join(jobs)}.")


def _mark(finding: Finding, able: dict[str, bool]) -> str:
    if finding.ok:
        return "[green]ok[/]"
    return "[red]missing[/]" if hinders(finding, able) else "[yellow]without[/]"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash doctor",
        "Show what works on this machine, what is missing and how to get it. Ends with 0 if `neudash demo` can run, "
        "with 1 otherwise.",
        "example: neudash doctor --json doctor.json",
    )
    parser.add_argument("--json", type=output_file, metavar="FILE", help="also write the findings to FILE")
    parser.add_argument("--camera", action="store_true", help="switch the first camera on and take a picture with it")
    return parser
