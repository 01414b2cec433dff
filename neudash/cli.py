"""The one front door: `neudash <command>`. A program is imported when its command runs, not before."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from pathlib import Path

_PACKAGES = ("manifests", "console", "media", "packager", "trainer", "player", "server", "report", "neudash")
"""Our top-level modules. Their names are plain words, which others use as well."""

COMMANDS = {
    "make": ("neudash.make", "all for one video: package, train, report"),
    "package": ("packager.cli", "cut a video into a DASH bundle: ladder, segments, manifest"),
    "train": ("trainer.cli", "put enhancement models into a bundle"),
    "serve": ("server.cli", "serve bundles over HTTP"),
    "play": ("player.cli", "play a manifest enhanced: into a file, a window, or pictures"),
    "report": ("report.cli", "measure what the models gained and cost, as one HTML page"),
    "inspect": ("neudash.inspect.cli", "what is in a bundle: rungs, segments, models, bytes"),
    "verify": ("neudash.verify", "check a bundle: hashes, schema, alignment, models"),
    "image": ("neudash.image", "enhance one picture with a segment's model"),
    "model": ("neudash.export", "write a model as .keras or ONNX for other tools"),
    "doctor": ("neudash.doctor", "what works on this machine, what is missing, how to get it"),
    "demo": ("neudash.demo", "all of it on one video, ending with the report and a page's address"),
}


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns its exit status: 0 done, 1 failed, 2 usage error, 130 interrupted."""
    _put_own_packages_first()
    from console.command import run_command

    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [arguments[1], "--help"]
    known = arguments and arguments[0] in COMMANDS
    return run_command(f"neudash {arguments[0]}" if known else "neudash", lambda: _run(arguments))


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else 2
    command, *rest = arguments
    if command in ("-V", "--version"):
        from console.version import neudash_version

        print(f"neudash {neudash_version()}")
        return 0
    if command not in COMMANDS:
        print(f"neudash: there is no command {command!r}; `neudash --help` lists them", file=sys.stderr)
        return 2
    module_name, _ = COMMANDS[command]
    status: int = importlib.import_module(module_name).main(rest)
    return status


def _put_own_packages_first() -> None:
    """Moves each entry of the module path that contains a foreign `server.py` or the like behind our own folder.

    PYTHONPATH and the current folder come before the installed packages. Other entries keep their order: our folder in
    front of everything would hide modules of Python itself behind packages installed next to us. Processes that are
    started from here inherit this path.
    """
    own = str(Path(__file__).resolve().parents[1])
    strangers = [place for place in sys.path if _holds_ours(place) and str(Path(place).resolve()) != own]
    others = [place for place in sys.path if place not in strangers]
    is_there = any(str(Path(place).resolve()) == own for place in others)
    sys.path[:] = [*others, *([] if is_there else [own]), *strangers]


def _holds_ours(place: str) -> bool:
    found = (PathFinder.find_spec(name, [place]) for name in _PACKAGES)
    # A folder without an __init__.py has no origin, and gives way to a package wherever that lies.
    return any(spec is not None and spec.origin is not None for spec in found)


def _help() -> str:
    lines = [f"  {name:<9} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: neudash <command> [options]",
            "",
            "DASH video with tiny neural enhancement models: a sharper picture at the same bytes.",
            "",
            *lines,
            "",
            "`neudash <command> --help` has more. Start with `neudash demo`.",
        ]
    )
