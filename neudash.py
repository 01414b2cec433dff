"""The one front door: `neudash <command>`. A program is imported when its command runs, not before."""

from __future__ import annotations

import importlib
import sys

from manifests.version import neudash_version

COMMANDS = {
    "package": ("packager.cli", "cut a video into a DASH bundle: ladder, segments, manifest"),
    "train": ("trainer.cli", "put enhancement models into a bundle"),
    "serve": ("server.cli", "serve bundles over HTTP"),
    "play": ("player.cli", "play a manifest enhanced: into a file, a window, or pictures"),
    "report": ("trainer.report.cli", "measure what the models gained and cost, as one HTML page"),
    "inspect": ("manifests.cli", "what is in a bundle: rungs, segments, models, bytes"),
    "verify": ("manifests.cli", "check a bundle: hashes, schema, alignment, models"),
    "image": ("player.image", "enhance one picture with a segment's model"),
    "model": ("player.superres.export", "write a model as .keras or ONNX for other tools"),
    "doctor": ("player.doctor", "what works on this machine, what is missing, how to get it"),
    "demo": ("neudash_demo", "all of it on one video, ending with the report and a page's address"),
}
_SHARED_MODULES = ("manifests.cli",)
"""Modules that serve several commands: they are told which one."""


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [arguments[1], "--help"]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else 2
    command, *rest = arguments
    if command in ("-V", "--version"):
        print(f"neudash {neudash_version()}")
        return 0
    if command not in COMMANDS:
        print(f"neudash: there is no command {command!r}; `neudash --help` lists them", file=sys.stderr)
        return 2
    module_name, _ = COMMANDS[command]
    try:
        program = importlib.import_module(module_name)
        code: int = program.main([command, *rest] if module_name in _SHARED_MODULES else rest)
    except KeyboardInterrupt:
        print(f"neudash {command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as in `neudash inspect … | head`.
        sys.stderr.close()
        return 0
    return code


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
            "`neudash <command> --help` tells more. Start with `neudash demo`.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
