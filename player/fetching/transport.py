"""Bytes from a server or from a bundle on disk, behind one interface: deadlines, retries, caps, hashes, counts.

The only module that knows HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
import zlib
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from manifests.bundle import bundles_inside
from manifests.names import MANIFEST
from player.errors import FetchError, UnplayableError

MAX_MANIFEST_BYTES = 2 << 20
MAX_INIT_BYTES = 1 << 20
MAX_SEGMENT_BYTES = 128 << 20
MAX_REDIRECTS = 5
_TEMPORARY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_BACKOFF_S = 4.0
_PACKING_BYTES = 4096
"""Allowance for a packed body in addition to an eighth of the file: gzip's header and trailer, zlib's blocks."""
SLOWEST_BYTES_PER_S = 4000
"""Half of the slowest mobile networks: what comes more slowly is as good as silent."""


@dataclass(frozen=True)
class Download:
    """One file, whole and checked."""

    data: bytes
    size_bytes: int
    """Bytes that crossed the network for it, failed attempts included."""
    duration_s: float
    """Wall time, failed attempts and pauses between them included."""


@dataclass(frozen=True)
class Expected:
    """Facts about a file that are known before it is requested."""

    max_bytes: int
    """Largest size of the file, unpacked.

    A larger one is refused at the first piece that exceeds it, which is not unpacked further; so is a body longer than
    any honest packing of that size.
    """
    sha256: str | None = None
    size_bytes: int | None = None

    def check(self, data: bytes) -> None:
        """Raises FetchError for bytes that are not the promised ones."""
        if self.size_bytes is not None and len(data) != self.size_bytes:
            raise FetchError(f"{len(data)} bytes came where the manifest promises {self.size_bytes}")
        if self.sha256 is not None and hashlib.sha256(data).hexdigest() != self.sha256:
            raise FetchError("the SHA-256 is not the one the manifest promises")


@dataclass(frozen=True)
class Patience:
    """Limits on waiting for a file."""

    attempts: int = 4
    deadline_s: float = 20.0
    """Deadline of one attempt, in addition to the time that its bytes may take at SLOWEST_BYTES_PER_S."""
    backoff_s: float = 0.25
    """Pause before the second attempt; doubled before each further one, plus up to as much again at random."""

    def pause_s(self, failures: int, chance: float) -> float:
        """Returns the pause after that many failures; `chance` is 0 to 1."""
        return float(min(_MAX_BACKOFF_S, self.backoff_s * 2 ** (failures - 1)) * (1 + chance))


class Transport(Protocol):
    """Source of the files of one presentation."""

    manifest_url: str
    """Address of the manifest, once it was fetched: hrefs resolve against it."""
    received_bytes: int
    """Everything received so far, of every file and every attempt."""
    local: bool
    """True if the files are on this machine, so that throughput means nothing."""

    async def manifest(self) -> bytes:
        """The manifest's bytes. Raises UnplayableError."""
        ...

    async def get(self, url: str, expected: Expected) -> Download:
        """The file at an absolute address. Raises FetchError."""
        ...

    def allow(self, urls: Iterable[str]) -> None:
        """Files may also be fetched from the origins of these addresses."""
        ...

    async def close(self) -> None: ...


def open_transport(address: str) -> Transport:
    """A fetcher for an http(s) address, a manifest file or a bundle folder. Raises UnplayableError."""
    if address.startswith(("http://", "https://")):
        return HttpTransport(address)
    if "://" in address:
        raise UnplayableError(f"{address!r}: an address starts with http:// or https://")
    path = Path(address)
    manifest = path / MANIFEST if path.is_dir() else path
    if not manifest.is_file():
        reason = bundles_inside(path) or "no such manifest or bundle folder; an address starts with http://"
        raise UnplayableError(f"{address}: {reason}")
    return LocalTransport(manifest)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address (RFC 6454)."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or default


class HttpTransport:
    """Files over HTTP, from the manifest's own origin and those that were allowed."""

    local = False

    def __init__(self, manifest_url: str, patience: Patience | None = None) -> None:
        self.manifest_url = manifest_url
        self.received_bytes = 0
        self._patience = patience = patience or Patience()
        self._allowed: set[tuple[str, str, int | None]] = set()
        """Origins that are allowed in addition to the manifest's own."""
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(patience.deadline_s, connect=min(5.0, patience.deadline_s)),
            # Media does not compress; a manifest does. Other encodings are not understood here.
            headers={"Accept-Encoding": "gzip", "User-Agent": "neudash-player"},
        )

    async def manifest(self) -> bytes:
        try:
            return (await self.get(self.manifest_url, Expected(MAX_MANIFEST_BYTES))).data
        except FetchError as error:
            named = self.manifest_url.partition("?")[0].endswith(".mpd")  # not parsed: it may be no address at all
            hint = "" if named else f"; the address of a manifest ends in /{MANIFEST}"
            raise UnplayableError(f"no manifest at {self.manifest_url}: {error}{hint}") from error

    async def get(self, url: str, expected: Expected) -> Download:
        patience = self._patience
        started_s, meter = time.monotonic(), _Meter()
        failures = 0
        while True:
            try:
                data = await self._attempt(url, expected, patience.deadline_s, meter)
                break
            except FetchError as error:
                failures += 1
                if not error.temporary or failures >= patience.attempts:
                    raise
                await asyncio.sleep(patience.pause_s(failures, random.random()))
        return Download(data, meter.size_bytes, time.monotonic() - started_s)

    def allow(self, urls: Iterable[str]) -> None:
        self._allowed |= {origin(url) for url in urls}

    async def close(self) -> None:
        await self._client.aclose()

    async def _attempt(self, url: str, expected: Expected, deadline_s: float, meter: _Meter) -> bytes:
        """Makes one request with its redirects. Raises FetchError and nothing else."""
        try:
            data = await _while_it_comes(self._follow(url, expected, meter), deadline_s, meter)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise FetchError(f"no data for {deadline_s:g} s", temporary=True) from error
        except httpx.TransportError as error:
            raise FetchError(f"the connection failed: {_connection_problem(error)}", temporary=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            raise FetchError(f"the request cannot be made: {error}") from error
        expected.check(data)
        return data

    async def _follow(self, url: str, expected: Expected, meter: _Meter) -> bytes:
        allowed, asked = {origin(self.manifest_url), *self._allowed}, url
        for _ in range(MAX_REDIRECTS + 1):
            if origin(url) not in allowed:
                raise FetchError(f"it leads to {url[:100]}, away from the manifest's own server")
            async with self._client.stream("GET", url) as response:
                if not response.has_redirect_location:
                    data = await self._body(response, expected, meter)
                    if asked == self.manifest_url:
                        self.manifest_url = url
                    return data
                url = urljoin(url, response.headers["location"])
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    async def _body(self, response: httpx.Response, expected: Expected, meter: _Meter) -> bytes:
        if response.status_code != httpx.codes.OK:
            temporary = response.status_code in _TEMPORARY_STATUSES
            raise FetchError(f"HTTP {response.status_code} {response.reason_phrase}".strip(), temporary=temporary)
        body = _Body(expected.max_bytes, response.headers.get("content-encoding", "identity"))
        async for chunk in response.aiter_raw():
            self.received_bytes += len(chunk)
            meter.size_bytes += len(chunk)
            body.add(chunk)
        return body.whole()


def _connection_problem(error: httpx.TransportError) -> str:
    if "WRONG_VERSION_NUMBER" in str(error):
        return "the server does not speak HTTPS there; try http://"
    if isinstance(error, httpx.ConnectError) and "certificate" not in str(error).lower():
        return f"nobody answers there; is the server running? ({error})"
    return str(error) or type(error).__name__


@dataclass
class _Meter:
    """Bytes received for one file, over all attempts."""

    size_bytes: int = 0


async def _while_it_comes(work: Coroutine[Any, Any, bytes], deadline_s: float, meter: _Meter) -> bytes:
    """Returns the result of `work`. Raises asyncio.TimeoutError if the bytes of `meter` come too slowly."""
    task = asyncio.ensure_future(work)
    started_s, before_bytes = time.monotonic(), meter.size_bytes
    try:
        while not task.done():
            allowed_s = deadline_s + (meter.size_bytes - before_bytes) / SLOWEST_BYTES_PER_S
            left_s = started_s + allowed_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            await asyncio.wait([task], timeout=left_s)
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Body:
    """A body that is collected and unpacked, never beyond its bound, even for hostile packing."""

    def __init__(self, max_bytes: int, encoding: str) -> None:
        if encoding.lower() not in ("identity", "gzip", "x-gzip", "deflate"):
            raise FetchError(f"the Content-Encoding {encoding[:40]!r} is not understood")
        self._max_bytes = max_bytes
        # 32 + 15: gzip or zlib, told by the header.
        self._unpacker = None if encoding.lower() == "identity" else zlib.decompressobj(47)
        self._data = bytearray()
        self._packed_bytes = 0

    def add(self, chunk: bytes) -> None:
        if self._unpacker is not None:
            chunk = self._unpacked(chunk, self._unpacker)
        self._data += chunk
        if len(self._data) > self._max_bytes:
            raise self._too_large()

    def _unpacked(self, chunk: bytes, unpacker: zlib._Decompress) -> bytes:
        try:
            data = unpacker.decompress(chunk, self._max_bytes - len(self._data) + 1)
        except zlib.error as error:
            raise FetchError(f"the Content-Encoding does not unpack: {error}", temporary=True) from error
        if unpacker.unused_data:
            raise FetchError("the body goes on after the end of its Content-Encoding")
        # Blocks may be empty: what was unpacked says nothing of how much was read.
        self._packed_bytes += len(chunk)
        if self._packed_bytes > self._max_bytes * 9 // 8 + _PACKING_BYTES:
            raise self._too_large()
        return data

    def _too_large(self) -> FetchError:
        return FetchError(f"it is larger than the {self._max_bytes} bytes allowed")

    def whole(self) -> bytes:
        if self._unpacker is not None and not self._unpacker.eof:
            raise FetchError("the body ends in the middle of its Content-Encoding", temporary=True)
        return bytes(self._data)


class LocalTransport:
    """Files of a bundle on this machine, from the manifest's folder only."""

    local = True

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest.resolve()
        self._root = self._manifest.parent
        self.manifest_url = self._manifest.as_uri()
        self.received_bytes = 0

    async def manifest(self) -> bytes:
        try:
            return (await self.get(self.manifest_url, Expected(MAX_MANIFEST_BYTES))).data
        except FetchError as error:
            raise UnplayableError(f"{self._manifest}: {error}") from error

    async def get(self, url: str, expected: Expected) -> Download:
        started_s = time.monotonic()
        data = await asyncio.to_thread(self._read, url, expected.max_bytes)
        self.received_bytes += len(data)
        expected.check(data)
        return Download(data, len(data), time.monotonic() - started_s)

    def allow(self, urls: Iterable[str]) -> None:
        """Does nothing: there is no place here except the manifest's folder."""

    async def close(self) -> None:
        """Nothing is held open."""

    def _read(self, url: str, max_bytes: int) -> bytes:
        root_url = self._root.as_uri().rstrip("/") + "/"
        if not url.startswith(root_url):
            raise FetchError(f"it leads to {url[:100]}, away from the manifest's own folder")
        path = (self._root / unquote(url[len(root_url) :])).resolve()
        if not path.is_relative_to(self._root):
            raise FetchError("it lies outside the manifest's folder")
        try:
            if not path.is_file():
                raise FetchError("there is no such file")
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
        except (OSError, ValueError) as error:
            raise FetchError(f"it cannot be read: {error}") from error
        if len(data) > max_bytes:
            raise FetchError(f"it is larger than the {max_bytes} bytes allowed")
        return data
