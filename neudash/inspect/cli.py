"""`neudash inspect`: prints what is in a bundle."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from console.command import command, command_parser
from console.options import seconds
from console.outputs import check_outputs, is_stdout, output_file, write_json
from manifests.bundle import Bundle, open_bundle, read_manifest
from manifests.errors import BundleError
from manifests.mpd.xml import MAX_BYTES
from neudash.inspect.describe import as_text, describe
from player.errors import UnplayableError

_EXAMPLES = """examples:
  neudash inspect out/bundle
  neudash inspect http://127.0.0.1:8080/bundle/manifest.mpd --json description.json
"""


@command("neudash inspect")
def main(argv: list[str]) -> int:
    """Runs the command and returns its exit status."""
    options = _parser().parse_args(argv)
    outputs = [options.json] if options.json else []
    check_outputs(outputs, [Path(options.bundle)])
    description = _description(options.bundle, options.timeout)
    for path in outputs:
        write_json(path, description)
    if not any(map(is_stdout, outputs)):
        print(as_text(description))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("neudash inspect", "Print what is in a bundle: rungs, segments, models, bytes.", _EXAMPLES)
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
    return parser


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
