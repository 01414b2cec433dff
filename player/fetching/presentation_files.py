"""Files of a presentation, fetched by their kind, and recorded if the user asked for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urljoin

from manifests.base_urls import base_urls
from manifests.errors import MalformedManifestError
from manifests.model import AdaptationSet, ModelFile, Presentation, Representation, Segment
from manifests.quality_table import QualityTable, decode_quality
from player.errors import FetchError
from player.fetching.download_recorder import DownloadRecorder
from player.fetching.model_store import expected_model
from player.fetching.transport import MAX_INIT_BYTES, MAX_SEGMENT_BYTES, Download, Expected, Transport

_TEXT_BYTES = 16 << 20


class PresentationFiles:
    """Fetches init segments, media segments and models of one presentation.

    Every method raises FetchError that names the file, and SinkError if it cannot be recorded.
    """

    def __init__(
        self, fetcher: Transport, presentation: Presentation, kept: DownloadRecorder | None, *, mirrors: bool = False
    ) -> None:
        """`mirrors`: whether the manifest's BaseURLs may lead to other servers.

        Raises MalformedManifestError where all of them do and may not.
        """
        self.local = fetcher.local
        self._fetcher = fetcher
        self._kept = kept
        self._inits: dict[str, Download] = {}
        self._bases: dict[str, tuple[str, ...]] = {}
        """Base URLs of each representation, in the manifest's order."""
        self._first_base = 0
        """The one that had a file which another one had not."""
        self._text = list(presentation.text) if kept is not None else []
        """Subtitles that are still to be kept."""
        for s in presentation.adaptation_sets:
            bases = base_urls(fetcher.manifest_url, presentation, s, other_origins=mirrors)
            fetcher.allow(bases)
            self._bases |= dict.fromkeys((r.id for r in s.representations), bases)

    @property
    def received_bytes(self) -> int:
        """Everything received so far."""
        return self._fetcher.received_bytes

    async def quality(self, adaptation_set: AdaptationSet) -> QualityTable | None:
        """Fetches the quality table of a set; None if the manifest names none, or it cannot be fetched or read."""
        side_file = adaptation_set.quality
        if side_file is None:
            return None
        expected = Expected(side_file.size_bytes, side_file.sha256, side_file.size_bytes)
        try:
            download = await self._get(adaptation_set.representations[0], side_file.href, expected)
            table = decode_quality(download.data)
        except (FetchError, MalformedManifestError):
            return None
        if self._kept is not None:
            await asyncio.to_thread(self._kept.model, side_file.href, download.data)
        return table

    async def keep_text(self) -> None:
        """Fetches subtitles from the manifest's own place, for recordings only; those that fail are left out."""
        while self._kept is not None and self._text:
            track = self._text.pop(0)
            with suppress(FetchError):
                download = await self._fetcher.get(
                    urljoin(self._fetcher.manifest_url, track.href), Expected(_TEXT_BYTES)
                )
                await asyncio.to_thread(self._kept.model, track.href, download.data)

    async def init(self, representation: Representation) -> Download:
        """Fetched once; afterwards a download of 0 bytes."""
        if representation.id in self._inits:
            return self._inits[representation.id]
        href = representation.init_href
        download = await self._get(representation, href, Expected(MAX_INIT_BYTES))
        if self._kept is not None:
            await asyncio.to_thread(self._kept.file, href, download.data)
        self._inits[representation.id] = Download(download.data, 0, 0.0)
        return download

    def forget_init(self, representation: Representation) -> None:
        """Drops the init segment, so that it is fetched again: it did not fit its segments."""
        self._inits.pop(representation.id, None)

    async def segment(self, representation: Representation, segment: Segment) -> Download:
        href = segment.href
        download = await self._get(representation, href, Expected(MAX_SEGMENT_BYTES))
        if self._kept is not None:
            await asyncio.to_thread(self._kept.segment, representation, segment.number, href, download.data)
        return download

    async def model(self, representation: Representation, file: ModelFile) -> Download:
        download = await self._get(representation, file.href, expected_model(file))
        if self._kept is not None:
            await asyncio.to_thread(self._kept.model, file.href, download.data)
        return download

    async def _get(self, representation: Representation, href: str, expected: Expected) -> Download:
        """Fetches from the first place that has the file, beginning with the last one that replaced a failed place."""
        bases, first = self._bases[representation.id], self._first_base
        problem = FetchError("there is no place to fetch it from")
        for n in range(len(bases)):
            place = (first + n) % len(bases)
            try:
                download = await self._fetcher.get(urljoin(bases[place], href), expected)
            except FetchError as error:
                problem = error if n == 0 else problem
            else:
                # Only after a failure: another file may have been on its way from the old place meanwhile.
                if n:
                    self._first_base = place
                return download
        raise FetchError(f"{href}: {problem}", temporary=problem.temporary) from problem
