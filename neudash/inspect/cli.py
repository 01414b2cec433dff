"""`neudash inspect` and `neudash verify`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from console.options import bundle_folder, seconds
from console.outputs import check_distinct, check_output, is_stdout, output_file, write_output
from console.text import counted, one_line
from manifests.bundle import Bundle, open_bundle, read_manifest
from manifests.errors import BundleError
from manifests.mpd.xml import MAX_BYTES
from manifests.verify import verify_bundle
from neudash.inspect.describe import as_text, describe
from player.errors import PlayerError, UnplayableError

_EXAMPLES = """examples:
  neudash inspect out/bundle
  neudash inspect http://127.0.0.1:8080/bundle/manifest.mpd --json description.json
"""
_VERIFY_EXAMPLE = """example:
  neudash verify out/bundle
"""


def main(argv: list[str]) -> int:
    """Run `inspect` or `verify` (argv[0]); exit code 0, or 1 where something is wrong."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (BundleError, PlayerError, OSError) as error:
        sys.stderr.write(f"neudash {arguments.command}: {one_line(error)}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neudash",
        description="Look into a bundle.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_inspect(commands)
    _add_verify(commands)
    return parser


def _add_inspect(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect",
        help="what is in a bundle: rungs, segments, models, bytes",
        description="Print what is in a bundle: rungs, segments, models, bytes.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", help="a bundle's folder, an MPD file, or the http(s) address of a manifest")
    parser.add_argument(
        "--json",
        type=output_file,
        metavar="FILE",
        help="also write it as JSON (- for JSON only, on stdout)",
    )
    parser.add_argument(
        "--timeout", type=seconds(), default=20.0, metavar="SECONDS", help="for an address (default: %(default)g)"
    )
    parser.set_defaults(run=_inspect)


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="check hashes, schema, alignment, and that every model loads",
        description="Check a bundle: schema, alignment, playlists, that frames and sound last as they should, that its "
        "segments are those that were packaged, and that its models have their hashes and load.",
        epilog=_VERIFY_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=bundle_folder, help="a bundle's folder")
    parser.add_argument(
        "--json",
        type=output_file,
        metavar="FILE",
        help="also write the findings as JSON (- for JSON only, on stdout)",
    )
    parser.set_defaults(run=_verify)


def _inspect(arguments: argparse.Namespace) -> int:
    _check(arguments.json, Path(arguments.bundle))
    description = _description(arguments.bundle, arguments.timeout)
    _print(as_text(description), description, arguments.json)
    return 0


def _description(where: str, timeout_s: float) -> dict[str, Any]:
    if where.startswith(("http://", "https://")):
        return describe(read_manifest(fetch_manifest(where, timeout_s), where), lambda _: None)
    if "://" in where:
        raise BundleError(f"{where} is neither a folder nor an http(s) address")
    path = Path(where)
    bundle = Bundle(path.parent, read_manifest(_head(path), where)) if path.is_file() else open_bundle(path)
    return describe(bundle.presentation, lambda href: _size_bytes(bundle, href))


def fetch_manifest(url: str, deadline_s: float) -> bytes:
    """Returns the bytes at an http(s) URL. Raises UnplayableError, also after `deadline_s`."""
    # A folder is looked into without the player's HTTP client, which takes a while to import.
    from player.fetching.transport import HttpTransport, Patience

    async def fetch() -> bytes:
        transport = HttpTransport(url, Patience(attempts=1, deadline_s=deadline_s))
        try:
            # The client's own timeout starts again with each packet, and a server may trickle forever.
            return await asyncio.wait_for(transport.manifest(), deadline_s)
        except TimeoutError:
            raise UnplayableError(f"{url} did not arrive within {deadline_s:g} s") from None
        finally:
            await transport.close()

    return asyncio.run(fetch())


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _size_bytes(bundle: Bundle, href: str) -> int | None:
    try:
        return bundle.path(href).stat().st_size
    except OSError:
        return None


def _verify(arguments: argparse.Namespace) -> int:
    _check(arguments.json, arguments.bundle)
    found = verify_bundle(arguments.bundle)
    count = f"{counted(found.segments, 'segment')}, {counted(found.models, 'model')}"
    verdict = counted(len(found.problems), "problem") if found.problems else "sound"
    lines = [*found.problems, f"{count}: {verdict}"]
    value = {"segments": found.segments, "models": found.models, "problems": list(found.problems)}
    _print("\n".join(lines), value, arguments.json)
    return 1 if found.problems else 0


def _check(json_file: Path | None, read: Path) -> None:
    if json_file is not None:
        check_distinct([json_file], [read])
        check_output(json_file)


def _print(text: str, value: dict[str, Any], json_file: Path | None) -> None:
    if json_file is not None:
        # A name of a file that is not UTF-8 has surrogates; JSON writes those as `\\udce9`.
        write_output(
            json_file, json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        )
    if json_file is None or not is_stdout(json_file):
        sys.stdout.write(text + "\n")
