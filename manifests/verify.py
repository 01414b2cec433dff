"""Everything that can be checked about a bundle without decoding its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path

from lxml import etree

from manifests.bundle import Bundle, open_bundle, read_json
from manifests.checks import media_problems, model_problems, presentation_problems, quality_problems, text_problems
from manifests.errors import BrokenBundleError, BundleError, WrongHashError
from manifests.hls.write import I_FRAME_STREAM, played, write_playlists
from manifests.loading import load_model
from manifests.measure import MeasuredMedia, first_samples, is_whole, measure_media, sizes_bytes
from manifests.model import ModelFile, ModelTrack, VideoRepresentation
from manifests.mpd.names import own
from manifests.mpd.xml import Element, parse_xml
from manifests.names import MANIFEST, MASTER_PLAYLIST, PROVENANCE, QUALITY, iframe_playlist_href
from manifests.networks import NetworkSpec, macs_per_rung_pixel, parse_network
from manifests.provenance import read_provenance
from manifests.weights import FORMAT


@dataclass(frozen=True)
class Verification:
    """Result of `verify_bundle`: counts and problems."""

    segments: int
    """Media segments of all representations."""
    models: int
    """Different model files."""
    problems: tuple[str, ...]
    """One sentence each; empty for a sound bundle."""


def verify_bundle(root: Path) -> Verification:
    """Checks all of a bundle: schema, segments, alignment, hashes, and that every model loads and is finite.

    Segments are compared with their hashes in provenance.json. Raises BrokenBundleError or MalformedManifestError if
    there is not a manifest to start from.
    """
    bundle = open_bundle(root)
    p = bundle.presentation
    media = measure_media(root, p)
    problems = [
        *schema_problems(parse_xml((root / MANIFEST).read_bytes())),
        *presentation_problems(p),
        *media_problems(root, p, media),
        *text_problems(root, p),
        *model_problems(root, p),
        *quality_problems(root, p),
        *(problem for r in p.video for problem in _table_problems(bundle, r)),
        *_playlist_problems(bundle, media),
        *_metadata_problems(bundle),
        *_content_problems(bundle),
    ]
    kinds = [file.kind for file in bundle.files().values()]
    return Verification(kinds.count("segment"), kinds.count("model"), tuple(problems))


def schema_problems(manifest: Element) -> Iterator[str]:
    """Yields each place in which the tables of an MPD break the schema of our extension."""
    schema = _schema()
    for element in manifest.iter(own("ModelTrack"), own("Quality")):
        if not schema.validate(element):
            for error in schema.error_log:
                yield f"{MANIFEST}, line {error.line}: {error.message}"


@cache
def _schema() -> etree.XMLSchema:
    path = resources.files("manifests") / "schema" / "neudash-mpd.xsd"
    return etree.XMLSchema(etree.fromstring(path.read_bytes()))


def _table_problems(bundle: Bundle, r: VideoRepresentation) -> Iterator[str]:
    if r.model_problem is not None:
        yield f"{r.id}: {r.model_problem}"
    for track in r.model_tracks:
        yield from _track_problems(bundle, r, track)


def _track_problems(bundle: Bundle, r: VideoRepresentation, track: ModelTrack) -> Iterator[str]:
    try:
        spec = parse_network(track.network, track.scale)
    except BundleError as error:
        yield f"{track.id}: {error}"
        return
    if track.format != FORMAT:
        yield f"{track.id}: model format {track.format!r} is not {FORMAT!r}"
        return
    macs = macs_per_rung_pixel(spec, track.input_size_of(r.video), r.size)
    if macs != track.macs_per_pixel:
        yield f"{track.id}: macs is {track.macs_per_pixel}, {track.network} takes {macs}"
    for model in track.models:
        yield from _weights_problems(bundle, track, model, spec)


def _weights_problems(bundle: Bundle, track: ModelTrack, model: ModelFile, spec: NetworkSpec) -> Iterator[str]:
    try:
        if load_model(bundle, track, model.n).spec != spec:
            yield f"{model.href}: holds another network than {track.network} at x{track.scale}"
    except (BrokenBundleError, WrongHashError):
        return  # `model_problems` has said so
    except BundleError as error:
        yield f"{model.href}: {error}"


def _playlist_problems(bundle: Bundle, media: Mapping[str, MeasuredMedia]) -> Iterator[str]:
    """Yields playlists that are missing or do not match the manifest and the segments.

    Playlists without I-frames, as earlier versions wrote them, only have to list the same segments; their other
    attributes differ from today's.
    """
    if not is_whole(media):
        return  # a missing segment has been reported
    listed = bundle.files()
    expected = write_playlists(bundle.presentation, sizes_bytes(media), first_samples(media))
    held = {name: bundle.read(name) for name in expected if name in listed}
    earlier = I_FRAME_STREAM.encode() not in held.get(MASTER_PLAYLIST, b"")
    stills = {iframe_playlist_href(r.id) for r in bundle.presentation.representations}
    for name, data in expected.items():
        if name not in held:
            if not (earlier and name in stills):
                yield f"{name} is missing"
        elif held[name] != data and not (earlier and played(held[name]) == played(data)):
            yield f"{name} does not match the manifest"


def _content_problems(bundle: Bundle) -> Iterator[str]:
    """Yields tracks whose bytes are not those that were packaged, if provenance.json has their hash: e.g. a flipped
    bit."""
    try:
        packaged = read_provenance(bundle.root).packaging.sha256
    except BrokenBundleError:
        return
    for r in bundle.presentation.representations:
        promised = packaged.get(r.id)
        if promised is None:
            continue
        digest = sha256()
        try:
            for href in r.hrefs:
                digest.update(bundle.read(href))
        except BrokenBundleError:
            continue  # a missing segment has been reported
        if digest.hexdigest() != promised:
            yield f"{r.id}: its segments are not byte for byte those that were packaged"


def _metadata_problems(bundle: Bundle) -> Iterator[str]:
    for name in (QUALITY, PROVENANCE):
        if name in bundle.files():
            try:
                read_json(bundle.root, name)
            except BrokenBundleError as error:
                yield str(error)
