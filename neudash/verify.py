"""`neudash verify`: checks a bundle."""

from __future__ import annotations

import argparse

from console.command import command, command_parser
from console.options import bundle_folder
from console.outputs import check_outputs, is_stdout, output_file, write_json
from console.text import counted
from manifests.verify import verify_bundle

_EXAMPLE = """example:
  neudash verify out/bundle
"""


@command("neudash verify")
def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if the bundle is sound, 1 otherwise."""
    options = _parser().parse_args(argv)
    outputs = [options.json] if options.json else []
    check_outputs(outputs, [options.bundle])
    found = verify_bundle(options.bundle)
    for path in outputs:
        write_json(path, {"segments": found.segments, "models": found.models, "problems": list(found.problems)})
    if not any(map(is_stdout, outputs)):
        count = f"{counted(found.segments, 'segment')}, {counted(found.models, 'model')}"
        verdict = counted(len(found.problems), "problem") if found.problems else "sound"
        print("\n".join([*found.problems, f"{count}: {verdict}"]))
    return 1 if found.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash verify",
        "Check a bundle: schema, alignment, playlists, that frames and sound last as they should, that its segments "
        "are those that were packaged, and that its models have their hashes and load.",
        _EXAMPLE,
    )
    parser.add_argument("bundle", type=bundle_folder, help="a bundle's folder")
    parser.add_argument(
        "--json",
        type=output_file,
        metavar="FILE",
        help="also write the findings as JSON (- for JSON only, on stdout)",
    )
    return parser
