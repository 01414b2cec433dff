"""The output folder: whose it is, whether it is done, and putting a new bundle into it, the manifest last."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.version import neudash_version
from manifests.bundle import publish_manifest
from manifests.errors import BundleError
from manifests.files import publish_file
from manifests.names import MANIFEST, MASTER_PLAYLIST, POSTER, PROVENANCE, QUALITY, REPORT, text_href
from manifests.provenance import (
    PackagingRecord,
    Provenance,
    SourceRecord,
    packaged_provenance,
    publish_provenance,
    read_provenance,
)
from packager.errors import OutputFolderError
from packager.ladder.sizes import LadderRung
from packager.plan import Plan
from packager.presentation import HdrLadder, MeasuredSound, MeasuredTrack, Text, build_presentation, content_tag
from packager.tools import tool_versions
from packager.workfolder import FOLDER

_SETTINGS_IN_WORDS = {
    "source_sha256": "another source",
    "treatment": "--start, --duration or treatment",
    "rungs": "--rungs",
    "ladder": "--rungs, --count, --min-rate, --max-rate or --target-quality",
    "segment_frames": "--segment-seconds",
    "codec": "--codec",
    "preset": "--preset",
    "tune": "--tune",
    "subtitles": "--subtitles",
    "sound": "--audio",
    "hdr": "--hdr",
}
"""Name on the command line of each setting that may differ."""

_FOLDERS = ("video", "audio", "text", "models", "quality")
_FILES = (MASTER_PLAYLIST, "playlist_*.m3u8", QUALITY, PROVENANCE, POSTER, REPORT)


@dataclass(frozen=True)
class Pieces:
    """Pieces to publish; the segments are in the work folder as `video-<id>` and `audio-<id>`."""

    video: tuple[tuple[LadderRung, MeasuredTrack], ...]
    sound: tuple[MeasuredSound, ...]
    text: tuple[Text, ...]
    poster: bytes
    """JPEG."""
    segmenter: str
    hdr: tuple[tuple[LadderRung, MeasuredTrack], ...] = ()
    """The HDR rungs."""


def check_output(bundle: Path) -> None:
    """Refuse a folder with files but no bundle, or one that cannot be written. Raises OutputFolderError, OSError."""
    if bundle.exists() and not bundle.is_dir():
        raise OutputFolderError(f"{bundle} is a file; name a folder for the bundle")
    nearest = next(path for path in (bundle, *bundle.parents) if path.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputFolderError(f"{nearest} cannot be written to; name a folder elsewhere for the bundle")
    if not bundle.is_dir() or (bundle / MANIFEST).exists() or (bundle / FOLDER).exists():
        return
    if any(bundle.iterdir()):
        raise OutputFolderError(f"{bundle} is not empty and not a bundle; name a new or an empty folder")


def is_done(bundle: Path, settings: dict[str, Any], *, force: bool) -> bool:
    """Returns True if the folder contains the bundle that these settings make.

    Raises OutputFolderError if it contains another one and `force` is not set.
    """
    if not (bundle / MANIFEST).exists() or force:
        return False
    try:
        held = dict(read_provenance(bundle).packaging.settings)
    except BundleError:
        held = {}
    # A bundle from before there was a choice was made like this.
    held = {"subtitles": [], "sound": settings["sound"], "tune": "film", **held}
    if "hdr" in held and "hdr" in settings:  # the HDR rungs of a measured ladder follow from it
        held["hdr"] = {name: held["hdr"].get(name) for name in settings["hdr"]}
    differing = sorted(name for name in {*settings, *(held.keys() & {"hdr"})} if held.get(name) != settings.get(name))
    if not differing:
        shutil.rmtree(bundle / FOLDER, ignore_errors=True)  # of a run that was killed after it had published
        return True
    raise OutputFolderError(
        f"{bundle} holds a bundle made otherwise ({', '.join(_SETTINGS_IN_WORDS[name] for name in differing)}); "
        "name another folder, or replace it with --force"
    )


def publish(plan: Plan, work: Path, pieces: Pieces) -> None:
    """Replaces the bundle in the folder, if any. In between there is not a bundle, and then a whole one.

    Raises BundleError if the pieces do not make a bundle.
    """
    bundle = plan.request.bundle
    pictures = (*pieces.video, *pieces.hdr)
    tag = content_tag([*(track for _, track in pictures), *(sound.track for sound in pieces.sound)])
    _clear(bundle)
    for rung, _ in pictures:
        _move(work / f"video-{rung.id}", bundle / "video" / f"{rung.id}-{tag}")
    for sound in pieces.sound:
        _move(work / f"audio-{sound.id}", bundle / "audio" / f"{sound.id}-{tag}")
    text = _distinct(pieces.text)
    for one in text:
        publish_file(bundle / text_href(one.webvtt), one.webvtt)
    publish_file(bundle / POSTER, pieces.poster)
    publish_provenance(bundle, provenance(plan, pieces))
    title = printable(plan.request.source.stem)
    presentation = build_presentation(
        pieces.video, plan.treatment.frame_rate, pieces.sound, text, title, tag, _hdr_ladder(plan, pieces)
    )
    publish_manifest(bundle, presentation)


def _hdr_ladder(plan: Plan, pieces: Pieces) -> HdrLadder | None:
    return HdrLadder(plan.treatment.colour.dynamic_range, pieces.hdr) if plan.hdr else None


def _distinct(text: Iterable[Text]) -> list[Text]:
    """Each file once. Tracks that say the same in two languages differ by their headers."""
    found: dict[bytes, Text] = {}
    for one in text:
        same = found.get(one.webvtt)
        if same is not None and same.language != one.language and one.language is not None:
            # What follows the first word in its line is a comment (WebVTT, 4.1).
            one = replace(one, webvtt=one.webvtt.replace(b"WEBVTT", b"WEBVTT - " + one.language.encode(), 1))
        found.setdefault(one.webvtt, one)
    return list(found.values())


def _clear(bundle: Path) -> None:
    (bundle / MANIFEST).unlink(missing_ok=True)
    for pattern in _FILES:
        for path in bundle.glob(pattern):
            path.unlink()
    for name in _FOLDERS:
        if (bundle / name).exists():
            shutil.rmtree(bundle / name)


def _move(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.replace(target)


def provenance(plan: Plan, pieces: Pieces) -> Provenance:
    """Returns the record of how to make the bundle, and the reference frames of its rungs, again."""
    name = printable(plan.info.name)
    pictures = (*pieces.video, *pieces.hdr)
    tracks = {rung.id: track for rung, track in pictures} | {sound.id: sound.track for sound in pieces.sound}
    return packaged_provenance(
        neudash_version(),
        SourceRecord(name, plan.sha256, plan.info.to_json() | {"name": name}),
        plan.treatment.to_json(),
        PackagingRecord(
            plan.made,
            pieces.segmenter,
            tool_versions(),
            {name: track.sha256 for name, track in tracks.items()},
            plan.ladder,
        ),
    )


def printable(text: str) -> str:
    """Removes characters that XML or JSON cannot contain: control characters, undecodable bytes of file names."""
    return "".join(character for character in text if character.isprintable()) or "video"
