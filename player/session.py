"""One session: what is to be played, in which form, with which outputs; the pipeline does the playing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from manifests.errors import BundleError
from manifests.model import Presentation, VideoRepresentation
from manifests.mpd.read import read_mpd
from player.abr.rules import DEFAULT, RULES
from player.errors import UnplayableError
from player.fetching.download_recorder import DownloadRecorder
from player.fetching.presentation_files import PresentationFiles
from player.fetching.scheduler import CAPACITY_S, SegmentScheduler
from player.fetching.soundtrack import Soundtrack
from player.fetching.transport import Transport
from player.frames.upscalers import Enhancer, FileEnhancer, ModelEnhancer, NoEnhancer
from player.pipeline import Pipeline, PlaybackListener
from player.sinks import Sink
from player.sinks.window import ViewerQuitError, ViewerSeekError, Window
from player.sound.choice import choose_soundtrack
from player.sound.speaker import Speaker
from player.stats import SessionStats
from player.superres.output import OutputFormat, fixed_rung, output_format, switchable


@dataclass(frozen=True)
class Settings:
    """Settings that the viewer chose."""

    rung: str | None = None
    """Height or id of the one rung to play; None leaves it to the rule."""
    audio: str | None = None
    """Language, label, role or number of the sound track to play; None for the main one."""
    rule: str = DEFAULT
    buffer_s: float = CAPACITY_S
    """Video to fetch ahead of what is shown."""
    enhance: bool = True
    engine: str = "auto"
    backend: str | None = None
    model_file: Path | None = None
    """A model of the viewer's own for every segment, instead of the manifest's."""
    mirrors: bool = False
    """True if the manifest may direct the player to other servers."""
    loops: int = 1
    """Number of repetitions; more than one only with a window or without output."""
    model_patience_s: float = 10.0
    """Time that a model may take before its segments are played without it."""


@dataclass(frozen=True)
class Outputs:
    """Destinations of frames and files; all may be absent."""

    sinks: Sequence[Sink] = ()
    window: Window | None = None
    speaker: Speaker | None = None
    """Sound output next to the window."""
    kept: DownloadRecorder | None = None


class Session:
    """Plays one presentation once."""

    def __init__(self, fetcher: Transport, settings: Settings, outputs: Outputs, talk: PlaybackListener) -> None:
        self.stats = SessionStats()
        """True at every moment, and so after a session that was cut short."""
        self.complete = True
        """True if all frames and all audio came."""
        self._fetcher = fetcher
        self._settings = settings
        self._outputs = outputs
        self._talk = talk
        self._started_s = time.monotonic()

    async def run(self) -> None:
        """Runs to the end, or until the viewer quits. Cancelling it ends it cleanly too: the outputs are finished.

        Raises UnplayableError and SinkError.
        """
        try:
            await self._play(await self._presentation())
        except ViewerQuitError:
            self._talk.warn("stopped by the viewer")
        finally:
            self.stats.total_bytes = self._fetcher.received_bytes
            self.stats.elapsed_s = time.monotonic() - self._started_s
            await self._fetcher.close()

    async def _presentation(self) -> Presentation:
        data = await self._fetcher.manifest()
        try:
            presentation = read_mpd(data)
        except BundleError as error:
            raise UnplayableError(f"the manifest cannot be read: {error}") from error
        if not presentation.video:
            raise UnplayableError("the manifest has no video to play")
        return presentation

    async def _play(self, presentation: Presentation) -> None:
        rungs = presentation.video
        # Choose what may be played before anything but the manifest is fetched.
        fixed = None if self._settings.rung is None else fixed_rung(rungs, self._settings.rung)
        playable = switchable(rungs) if fixed is None else (fixed,)
        sound = choose_soundtrack(presentation.adaptation_sets, self._settings.audio)
        enhancer = self._enhancer()
        output = output_format(rungs, self._own_scale(enhancer, playable[0]), fixed.id if fixed is not None else None)
        try:
            files = PresentationFiles(self._fetcher, presentation, self._outputs.kept, mirrors=self._settings.mirrors)
        except BundleError as error:
            raise UnplayableError(str(error)) from error
        soundtrack = Soundtrack(files, sound, self._talk.warn)
        # The scheduler fetches, the pipeline decodes and shows; both are made anew for each presentation.
        downloads = SegmentScheduler(
            files,
            soundtrack,
            playable,
            RULES[self._settings.rule].choose,
            model_patience_s=self._model_patience_s(),
            capacity_s=self._settings.buffer_s,
            paced=self._outputs.window is not None,
            abandon=RULES[self._settings.rule].abandon,
            described_by=next(s for s in presentation.adaptation_sets if playable[0] in s.representations),
        )
        pipeline = Pipeline(
            downloads,
            enhancer,
            output,
            self._outputs.sinks,
            self._outputs.window,
            self.stats,
            self._talk,
            speaker=self._outputs.speaker,
        )
        try:
            # Outputs are finished in the reverse order of opening, also after an error.
            with ExitStack() as at_end:
                self._finish_outputs(at_end, presentation)
                self._open_sinks(output, await soundtrack.init())
                await self._run(pipeline, downloads, soundtrack, playable[0].duration_s, output)
        finally:
            await downloads.close()
            self.complete = pipeline.complete and soundtrack.complete

    async def _run(
        self,
        pipeline: Pipeline,
        downloads: SegmentScheduler,
        soundtrack: Soundtrack,
        duration_s: Fraction,
        output: OutputFormat,
    ) -> None:
        """Plays from the start to the end, through every seek of the viewer."""
        from_s, left = Fraction(0), self._settings.loops
        while left:
            self._talk.starts(round((duration_s - from_s) * output.frame_rate), self.stats.frames)
            try:
                await pipeline.run(self._started_s, from_s)
                from_s, left = Fraction(0), left - 1
            except ViewerSeekError as seek:
                # The last frame is as far as one can go.
                last_s = duration_s - 1 / output.frame_rate
                from_s = max(Fraction(0), min(last_s, Fraction(seek.to_s).limit_denominator(1000)))
            if left:
                await downloads.go_to(downloads.position_at(from_s))
                soundtrack.go_to(from_s)
                self._restart_outputs()

    def _restart_outputs(self) -> None:
        """The next frame is of another moment."""
        if self._outputs.window is not None:
            self._outputs.window.restart()
        if self._outputs.speaker is not None:
            self._outputs.speaker.restart()

    def _enhancer(self) -> Enhancer:
        settings = self._settings
        if not settings.enhance:
            return NoEnhancer()
        if settings.model_file is not None:
            return FileEnhancer(settings.model_file, settings.engine, settings.backend)
        return ModelEnhancer(settings.engine, settings.backend)

    def _own_scale(self, enhancer: Enhancer, rung: VideoRepresentation) -> int | None:
        """The scale of the viewer's own model."""
        if not isinstance(enhancer, FileEnhancer):
            return None
        return enhancer.prepare(None, rung.video.width, rung.video.height).scale

    def _model_patience_s(self) -> float | None:
        uses_manifest = self._settings.enhance and self._settings.model_file is None
        return self._settings.model_patience_s if uses_manifest else None

    def _open_sinks(self, output: OutputFormat, audio_init: bytes | None) -> None:
        for sink in self._outputs.sinks:
            sink.open(output, audio_init)

    def _finish_outputs(self, at_end: ExitStack, presentation: Presentation) -> None:
        """However the session ends, each output is finished, whether or not another one can be."""
        if self._outputs.kept is not None:
            at_end.callback(self._outputs.kept.finish, presentation)
        if self._outputs.window is not None:
            at_end.callback(self._outputs.window.close)
        if self._outputs.speaker is not None:
            at_end.callback(self._outputs.speaker.close)
        for sink in self._outputs.sinks:
            at_end.callback(sink.close)
