"""The table of models inside an MPD: our elements in a SupplementalProperty (docs/bundle.md)."""

from __future__ import annotations

from itertools import groupby

from lxml import etree

from manifests.errors import MalformedManifestError
from manifests.hrefs import checked_href
from manifests.model import ModelFile, ModelTrack, Segment, VideoFormat, VideoRepresentation
from manifests.mpd.names import GAIN, ID, MODEL_SCHEME, MODEL_SCHEME_VALUE, SHA256, TOKEN, dash, own
from manifests.mpd.xml import Element, fail, matching, uint
from manifests.networks import Size

MAX_TRACKS = 8
"""Network sizes offered for one representation."""
MAX_MODELS = 300
"""Models of one track; a larger table would have to move out of the manifest."""
MAX_ENLARGEMENT = 8
"""Largest ratio of the picture that goes into a network to the representation's, for each side."""
MAX_CHAIN = 16
"""Files that together make one model: a full one and its updates."""


def read_model_tracks(
    properties: list[Element], segments: tuple[Segment, ...], rung: VideoFormat
) -> tuple[tuple[ModelTrack, ...], str | None]:
    """Reads the tracks in a representation's SupplementalProperty elements; also returns why a table was skipped, if
    so.

    A table of a newer kind is not an error: the picture plays without it. Raises MalformedManifestError for a table of
    the kind that this version reads if it breaks the rules.
    """
    tables = [p for p in properties if p.get("schemeIdUri") == MODEL_SCHEME]
    for table in tables:
        if table.get("value") != MODEL_SCHEME_VALUE:
            return (), f"model table version {table.get('value', '')[:40]!r} is not {MODEL_SCHEME_VALUE!r}"
    elements = [track for table in tables for track in table.iterchildren(own("ModelTrack"))]
    if any(track.get("index") is not None for track in elements):
        return (), "the models are listed in a side file, which this version does not read"
    if len(elements) > MAX_TRACKS:
        fail(elements[0], f"{len(elements)} model tracks for one representation; at most {MAX_TRACKS} are read")
    return tuple(_read_track(element, segments, rung) for element in elements), None


def _read_track(element: Element, segments: tuple[Segment, ...], rung: VideoFormat) -> ModelTrack:
    models = _read_models(element)
    timelines = list(element.iterchildren(own("Timeline")))
    if len(timelines) != 1:
        fail(element, f"{len(timelines)} Timeline elements, exactly one is needed")
    scale = uint(element, "scale", least=1, most=8)
    return ModelTrack(
        id=matching(element, "id", ID),
        network=matching(element, "network", TOKEN),
        scale=scale,
        macs_per_pixel=uint(element, "macs", most=2**40),
        rank=uint(element, "rank", least=1, most=2**31),
        bandwidth_bps=uint(element, "bandwidth", most=2**40),
        format=matching(element, "format", TOKEN),
        models=tuple(models.values()),
        uses=_read_uses(timelines[0], models, segments),
        input_size=_read_input_size(element, scale, rung),
    )


def _read_input_size(track: Element, scale: int, rung: VideoFormat) -> Size | None:
    if track.get("width") is None and track.get("height") is None:
        return None
    width, height = (uint(track, name, least=2, most=16384) for name in ("width", "height"))
    if not (rung.width <= width <= MAX_ENLARGEMENT * rung.width):
        fail(track, f"width={width} is not 1 to {MAX_ENLARGEMENT} times the {rung.width} of the representation")
    if not (rung.height <= height <= MAX_ENLARGEMENT * rung.height):
        fail(track, f"height={height} is not 1 to {MAX_ENLARGEMENT} times the {rung.height} of the representation")
    if width * scale % 2 or height * scale % 2:
        fail(track, f"the enhanced picture would be {width * scale}x{height * scale}; its sides must be even")
    return Size(width, height)


def _read_models(track: Element) -> dict[int, ModelFile]:
    models: dict[int, ModelFile] = {}
    for element in track.iterchildren(own("Model")):
        model = _read_model(element)
        if model.n in models:
            fail(element, f"n={model.n} is taken twice")
        if len(models) >= MAX_MODELS:
            fail(element, f"more than {MAX_MODELS} models in one track")
        models[model.n] = model
    for model in models.values():
        _check_chain(track, model, models)
    return models


def _read_model(element: Element) -> ModelFile:
    base = None if element.get("base") is None else uint(element, "base", least=1, most=2**31)
    return ModelFile(
        n=uint(element, "n", least=1, most=2**31),
        href=checked_href(element.get("href", "")),
        size_bytes=uint(element, "size", least=1, most=2**31),
        sha256=matching(element, "sha256", SHA256),
        base=base,
        gain_db=None if element.get("gain") is None else float(matching(element, "gain", GAIN)),
    )


def _check_chain(track: Element, model: ModelFile, models: dict[int, ModelFile]) -> None:
    link, length = model, 1
    while link.base is not None:
        if link.base not in models:
            fail(track, f"model n={link.n} is an update to n={link.base}, which is not listed")
        link, length = models[link.base], length + 1
        if length > MAX_CHAIN:
            fail(track, f"the base chain of model n={model.n} is a loop, or longer than {MAX_CHAIN} files")


def _read_uses(
    timeline: Element, models: dict[int, ModelFile], segments: tuple[Segment, ...]
) -> tuple[int | None, ...]:
    # Both clocks are compared as integers: ticks of one times the timescale of the other.
    timescale = segments[0].series.timescale
    own_timescale = uint(timeline, "timescale", least=1, most=2**32 - 1)
    ends = [(s.start_ticks + s.duration_ticks) * own_timescale for s in segments]
    if segments[0].start_ticks != 0:
        fail(timeline, "the segments do not start at 0, as a representation with models must")
    uses: list[int | None] = []
    end = 0
    for use in timeline.iterchildren(own("Use")):
        n = None if use.get("n") is None else uint(use, "n", least=1)
        if n is not None and n not in models:
            fail(use, f"n={n} is not listed")
        duration = uint(use, "d", least=1) * timescale
        for _ in range(uint(use, "r", 0) + 1):
            end += duration
            first = len(uses)
            # Each round takes a segment or fails, so the segments bound this loop, not the r of a stranger.
            while len(uses) < len(ends) and ends[len(uses)] <= end:
                uses.append(n)
            if len(uses) == first or ends[len(uses) - 1] != end:
                fail(use, f"ends at {end // timescale} of {own_timescale}, which is not a segment boundary")
    if len(uses) != len(segments):
        fail(timeline, f"covers {len(uses)} of {len(segments)} segments")
    return tuple(uses)


def append_model_tracks(parent: Element, r: VideoRepresentation) -> None:
    """Add the SupplementalProperty with the tracks of `r`.

    Raises MalformedManifestError for a table that is too large, or whose uses do not go with the segments.
    """
    if len(r.model_tracks) > MAX_TRACKS:
        raise MalformedManifestError(f"{r.id} has {len(r.model_tracks)} model tracks; at most {MAX_TRACKS} are read")
    table = etree.SubElement(parent, dash("SupplementalProperty"))
    table.set("schemeIdUri", MODEL_SCHEME)
    table.set("value", MODEL_SCHEME_VALUE)
    for track in r.model_tracks:
        if len(track.models) > MAX_MODELS:
            raise MalformedManifestError(
                f"track {track.id} has {len(track.models)} models; at most {MAX_MODELS} fit a manifest: "
                "train fewer, for example one per title or scene"
            )
        if len(track.uses) != len(r.segments):
            raise MalformedManifestError(f"track {track.id} has {len(track.uses)} uses for {len(r.segments)} segments")
        _append_track(table, track, r)


def _append_track(table: Element, track: ModelTrack, r: VideoRepresentation) -> None:
    element = etree.SubElement(table, own("ModelTrack"))
    for name, value in {
        "id": track.id,
        "network": track.network,
        "scale": track.scale,
        "macs": track.macs_per_pixel,
        "rank": track.rank,
        "bandwidth": track.bandwidth_bps,
        "format": track.format,
    }.items():
        element.set(name, str(value))
    if track.input_size is not None:
        for name, side in zip(("width", "height"), track.input_size, strict=True):
            element.set(name, str(side))
    for model in track.models:
        _append_model(element, model)
    timeline = etree.SubElement(element, own("Timeline"), timescale=str(r.timescale))
    for n, run in groupby(zip(track.uses, r.segments, strict=True), key=lambda pair: pair[0]):
        use = etree.SubElement(timeline, own("Use"), d=str(sum(segment.duration_ticks for _, segment in run)))
        if n is not None:
            use.set("n", str(n))


def _append_model(track: Element, model: ModelFile) -> None:
    element = etree.SubElement(track, own("Model"), n=str(model.n))
    if model.base is not None:
        element.set("base", str(model.base))
    element.set("href", model.href)
    element.set("size", str(model.size_bytes))
    element.set("sha256", model.sha256)
    if model.gain_db is not None:
        element.set("gain", f"{model.gain_db:.3f}")
