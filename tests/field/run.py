"""Makes the inputs of the field, package each, look at what comes out, and write a table.

    python -m tests.field.run FOLDER --make ../shared/field/make-inputs.sh --kinds --processes 2 --table after.md

`tests.field.expected` and `tests.field.kinds` know what is right for each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.text import one_line
from manifests.errors import BundleError
from media.errors import MediaError
from media.programs import find_program
from tests.field.expected import RIGHT
from tests.field.eyes import Seen, look
from tests.field.inputs import Maker, with_clap
from tests.field.judge import Expectation, Outcome, Right, complaints
from tests.field.kinds import KINDS
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPEED = ("--preset", "ultrafast", "--quiet")
DEADLINE_S = 150.0
MAKING_S = 900.0


@dataclass(frozen=True)
class Case:
    """One input to try."""

    path: Path
    right: Expectation
    options: tuple[str, ...] = ()
    """Options of `neudash package`, besides those for speed."""


@dataclass(frozen=True)
class Row:
    """One input of the table."""

    name: str
    outcome: str
    wrong: list[str]
    """Empty if it is right."""
    said: str
    seconds: float
    seen: str


def main(argv: Sequence[str]) -> int:
    """Writes the table; returns how many inputs are wrong, at most 100."""
    parser = argparse.ArgumentParser(prog="python -m tests.field.run", description="Try all inputs of the field.")
    parser.add_argument("inputs", type=Path, help="folder of the inputs")
    parser.add_argument("--make", type=Path, metavar="SCRIPT", help="make them there with this make-inputs.sh first")
    parser.add_argument("--kinds", action="store_true", help="and the small ones of tests.field.kinds")
    parser.add_argument("--only", default="*", help="pattern of names (default: %(default)s)")
    parser.add_argument("--table", type=Path, help="write a Markdown table there (default: to stdout)")
    parser.add_argument("--json", type=Path, help="write all rows there")
    parser.add_argument("--processes", type=int, default=1, help="how many at a time (default: %(default)s)")
    parser.add_argument("--bundles", type=Path, help="keep the bundles there (default: thrown away)")
    arguments = parser.parse_args(argv)
    if arguments.make:
        make_inputs(arguments.make, arguments.inputs)
    cases = [*field_cases(arguments.inputs, arguments.only)]
    if arguments.kinds:
        cases += kind_cases(arguments.inputs / "kinds", arguments.only)
    with tempfile.TemporaryDirectory(prefix="neudash-field-") as temporary:
        bundles = (arguments.bundles or Path(temporary)).resolve()
        with ThreadPoolExecutor(arguments.processes) as pool:
            rows = list(pool.map(partial(_row, bundles), range(len(cases)), cases))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    table = markdown(rows)
    if arguments.table:
        arguments.table.write_text(table, "utf-8")
    else:
        print(table)
    return min(sum(bool(row.wrong) for row in rows), 100)


def make_inputs(script: Path, folder: Path) -> None:
    """Makes all inputs of `tests.field.expected` that are not there yet; what cannot be made is left out."""
    environment = {**os.environ, "FFMPEG": str(find_program("ffmpeg"))}
    command = [str(script.resolve()), str(folder.resolve())]
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=MAKING_S)
    # The script keeps this one back, and needs it for the next.
    clap = folder / "45-clap.mp4"
    clap.write_bytes(with_clap((folder / ".base.mp4").read_bytes(), 480, 360))
    subprocess.run([*command, "46-*"], env=environment, stdin=subprocess.DEVNULL, timeout=MAKING_S)


def field_cases(folder: Path, only: str = "*") -> Iterator[Case]:
    """The inputs of make-inputs.sh that are in the folder and whose names fit the pattern."""
    for name, right in RIGHT.items():
        if fnmatchcase(name, only) and (folder / name).exists():
            yield Case(folder / name, right)


def kind_cases(folder: Path, only: str = "*") -> Iterator[Case]:
    """The small inputs whose names fit the pattern, made in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    make = Maker(folder)
    for name, kind in KINDS.items():
        if fnmatchcase(name, only):
            path = folder / name
            yield Case(path if path.exists() else kind.make(make, name), kind.right, kind.options)


def package(case: Case, bundle: Path) -> Outcome:
    """Run `neudash package` in a process of its own, and look at the bundle."""
    options = (*SPEED, *case.options)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "neudash", "package", f"./{case.path.name}", "-o", str(bundle), *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=DEADLINE_S,
            cwd=case.path.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    except subprocess.TimeoutExpired:
        return Outcome(None, "")
    return outcome(case.right, bundle, done.returncode, done.stderr.decode("utf-8", "backslashreplace"))


def outcome(right: Expectation, bundle: Path, status: int, said: str) -> Outcome:
    """Looks at what a run that ended with `status` has left in `bundle`."""
    if status != 0:
        return Outcome(status, said)
    try:
        return Outcome(status, said, look(bundle, right.window if isinstance(right, Right) else None))
    except (BundleError, MediaError, OSError, ValueError) as error:
        return Outcome(status, said, unplayable=one_line(error))


def _row(bundles: Path, number: int, case: Case) -> Row:
    began_s = time.monotonic()
    came_out = package(case, bundles / f"bundle-{number:03d}")
    wrong = complaints(case.right, came_out)
    # A name need not be UTF-8.
    name = case.path.name.encode("utf-8", "backslashreplace").decode()
    print(f"{'wrong' if wrong else 'right'}  {name!r}  {'; '.join(wrong)}", file=sys.stderr, flush=True)
    words = {None: "not done", 0: "packaged"}.get(came_out.status, "refused")
    seconds = round(time.monotonic() - began_s, 1)
    return Row(name, words, wrong, came_out.said.strip(), seconds, _summary(came_out.seen))


def _summary(seen: Seen | None) -> str:
    if seen is None:
        return ""
    picture = seen.picture
    sounds = [f"{sound.channels} ch{f' {sound.language}' if sound.language else ''}" for sound in seen.sounds]
    return (
        f"{len(picture.codes)} frames at {picture.frame_rate}, {picture.distinct} distinct, "
        f"{picture.width}x{picture.height} sar {picture.sar}, {picture.turn}, white {picture.white}; "
        f"sound: {', '.join(sounds) or 'none'}; click after flash: {', '.join(map(str, seen.sync_ms)) or '-'} ms"
    )


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table, and their sum."""
    lines = ["| input | outcome | right? | what is wrong | what is there |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row.name, row.outcome, "no" if row.wrong else "yes", "; ".join(row.wrong), row.seen)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    right = sum(not row.wrong for row in rows)
    return "\n".join([*lines, "", f"{right} of {len(rows)} are right."]) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
