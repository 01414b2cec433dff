"""The frames of one segment, made as large as the output, with as much effort as there is time for."""

from __future__ import annotations

import time

from media.frames import Frame, resize_frame
from player.fetching.fetched_segment import FetchedSegment
from player.frames.effort import Effort
from player.frames.upscalers import first_line
from player.stats import SessionStats
from player.superres.engines import Upscaler
from player.superres.frames import output_frame
from player.superres.output import OutputFormat
from player.superres.residual_reuse import ResidualReuse


class SegmentEnhancer:
    """Enhances the frames of one segment, in one thread; counts into the segment's and the session's record."""

    def __init__(
        self, fetched: FetchedSegment, upscaler: Upscaler | None, output: OutputFormat, stats: SessionStats
    ) -> None:
        """Prepares for a segment; `upscaler` is made for `fetched.input_size`, None plays it plain."""
        self._fetched_segment = fetched
        self._record = fetched.record
        self._output = output
        self._stats = stats
        self._network = None if upscaler is None else ResidualReuse(upscaler)
        self._by_network_last = False

    @property
    def network(self) -> str | None:
        """Name of the network in use; None if there is none or it failed."""
        return None if self._network is None else self._network.name

    def enlarge(self, frame: Frame, effort: Effort) -> Frame:
        """The next frame of the segment."""
        started_s = time.perf_counter()
        made = self._enhanced(frame, effort) if effort > Effort.PLAIN else None
        if made is None:
            self._by_network_last = False
            made = self.plain(frame)
        self._count(time.perf_counter() - started_s, effort)
        return made

    def plain(self, frame: Frame) -> Frame:
        """The frame as it is without a network. Changes nothing: a window asks from a thread of its own."""
        return resize_frame(frame, self._output.width, self._output.height)

    def _enhanced(self, frame: Frame, effort: Effort) -> Frame | None:
        """Returns the enhanced frame; None without a network, or after it failed, for the rest of the segment."""
        network, video = self._network, self._fetched_segment.representation.video
        if network is None:
            return None
        if (frame.width, frame.height) != (video.width, video.height):
            self._give_up(f"its frames are {frame.width}x{frame.height}")
            return None
        reuse = effort is Effort.REUSE and self._by_network_last
        upscaler: Upscaler = network.again if reuse and network.again is not None else network
        try:
            made = output_frame(frame, upscaler, self._fetched_segment.input_size, self._output)
        except Exception as error:  # frameworks raise what they like, and it costs this enhancement alone
            self._give_up(f"the engine failed: {first_line(error)}")
            return None
        self._by_network_last = upscaler is network
        if upscaler is not network:
            self._record.reused_frames += 1
            self._stats.reused_frames += 1
        return made

    def _count(self, took_s: float, effort: Effort) -> None:
        record, stats = self._record, self._stats
        record.frames += 1
        record.enhance_s += took_s
        if self._by_network_last:
            record.enhanced_frames += 1
            record.network_s += took_s
            stats.enhanced_frames += 1
            stats.network_s += took_s
            stats.enhance_fps = stats.enhanced_frames / stats.network_s
        record.enhanced = record.enhanced_frames == record.frames
        if effort < Effort.FULL and self._network is not None:
            plain = record.frames - record.enhanced_frames - record.reused_frames
            record.reason = f"too slow here: {record.reused_frames} frames with the work of others, {plain} plain"

    def _give_up(self, reason: str) -> None:
        self._network, self._record.reason = None, reason
