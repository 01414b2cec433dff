"""Measures the bytes of a rung as a client fetches them over HTTP, from the server's access log."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urljoin

import httpx

from bench.programs import BenchError, served
from manifests.mpd.read import read_mpd
from manifests.names import MANIFEST

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Bytes:
    """Bytes of HTTP bodies by kind; heads are left out for every kind of point."""

    manifest: int
    init: int
    media: int
    models: int

    @property
    def total(self) -> int:
        return self.manifest + self.init + self.media + self.models


class Loopback:
    """Running server for views, with its access log."""

    def __init__(self, origin: str, log: Path) -> None:
        self._origin, self._log = origin, log

    def address(self, name: str) -> str:
        """Returns the address of a view's manifest, by the view's name below the served folder."""
        return f"{self._origin}/bundles/{quote(name)}/{MANIFEST}"

    def fetch(self, name: str) -> Bytes:
        """Fetches all files of a view without models, as a player would; returns their bytes. Raises BenchError."""
        address = self.address(name)
        try:
            # Packed as for our player, even if this client could read other codings.
            accepted = {"Accept-Encoding": "gzip"}
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False, headers=accepted) as client:
                manifest = client.get(address).raise_for_status().content
                (rung,) = read_mpd(manifest).video
                for href in [rung.init_href, *(s.href for s in rung.segments)]:
                    client.get(urljoin(address, href)).raise_for_status()
        except httpx.HTTPError as error:
            raise BenchError(f"{address}: {error}") from error
        return self.sent(name)

    def sent(self, name: str) -> Bytes:
        """Returns the bytes of all requests for a view in the log. Raises BenchError if an answer was not a file."""
        records = [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]
        return tally([record for record in records if record["path"].startswith(f"/bundles/{name}/")])


def tally(records: list[dict[str, object]]) -> Bytes:
    """Returns bytes by kind from records of the server's log. Raises BenchError if an answer was not a file."""
    counted = {"manifest": 0, "init": 0, "media": 0, "models": 0}
    for record in records:
        kind = _kind(str(record["kind"]), str(record["path"]))
        if kind is None or record["status"] != 200:
            raise BenchError(f"the server answered {record['status']} for {record['path']}")
        counted[kind] += int(str(record["bytes"]))
    return Bytes(**counted)


def _kind(kind: str, path: str) -> str | None:
    if kind == "video":
        return "init" if path.endswith("/init.mp4") else "media"
    return {"manifest": "manifest", "model": "models"}.get(kind)


@contextmanager
def loopback(root: Path) -> Iterator[Loopback]:
    """Starts one server for all views below `root`. Raises BenchError."""
    with tempfile.TemporaryDirectory(prefix="neudash-rd-") as folder:
        log = Path(folder) / "access.log"
        log.touch()
        with served(root, "--access-log", log) as address:
            yield Loopback(address.partition("/bundles/")[0], log)
