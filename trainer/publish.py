"""Trained models into the bundle: files named by their content, then the manifest that references them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import ModelFile, ModelTrack, Presentation, Representation, VideoRepresentation
from manifests.names import REPORT, model_href
from manifests.networks import macs_per_rung_pixel
from manifests.provenance import TrainingRecord, publish_provenance, read_provenance
from manifests.weights import FORMAT
from trainer.choice.results import NetworkOutcome, RungOutcome
from trainer.settings import TrainSettings


def publish_models(
    root: Path,
    settings: TrainSettings,
    outcomes: Mapping[str, RungOutcome],
    records: Mapping[str, TrainingRecord],
) -> None:
    """Puts the models of `outcomes` (by representation id) into the bundle at `root`.

    Models of networks that the trainer chose replace all models of their rungs; those of a named network replace its
    own only. `records`, by the same ids, go into provenance.json. Raises BundleError; the bundle is then unchanged
    except for model files that nothing lists.
    """
    bundle = open_bundle(root)
    for outcome in outcomes.values():
        for track in outcome.tracks():
            for index in track.needed():
                model = track.models[index]
                publish_file(root / model_href(model.data), model.data)
    presentation = with_models(bundle.presentation, outcomes, replace_all=settings.chooses)
    publish_manifest(root, presentation)
    publish_provenance(root, read_provenance(root).with_training(records))
    (root / REPORT).unlink(missing_ok=True)  # it was about other models
    _remove_unlisted(root)


def with_models(p: Presentation, outcomes: Mapping[str, RungOutcome], *, replace_all: bool) -> Presentation:
    """The presentation with the model tracks of `outcomes`. Pure."""

    def updated(r: Representation) -> Representation:
        if not isinstance(r, VideoRepresentation) or r.id not in outcomes:
            return r
        outcome = outcomes[r.id]
        replaced = {tried.network.spec.name for tried in outcome.networks}
        others = [] if replace_all else [track for track in r.model_tracks if track.network not in replaced]
        tracks = [*others, *(model_track(r, tried) for tried in outcome.tracks())]
        # More operations a pixel are spent for a better picture: a smaller network that is better goes out alone.
        tracks.sort(key=lambda track: -track.macs_per_pixel)
        return replace(r, model_tracks=tuple(replace(t, rank=rank) for rank, t in enumerate(tracks, 1)))

    sets = tuple(replace(s, representations=tuple(map(updated, s.representations))) for s in p.adaptation_sets)
    return replace(p, adaptation_sets=sets)


def model_track(r: VideoRepresentation, tried: NetworkOutcome) -> ModelTrack:
    """Returns the track that maps segments to models; at least one segment uses one."""
    own_size = r.size
    spec, input_size = tried.network.spec, tried.network.input_size
    # Models are numbered in the order in which a player needs them: a base before its updates.
    needed = tried.needed()
    number = {index: n for n, index in enumerate(needed, 1)}
    gains = tried.gains_db()
    files = []
    for index in needed:
        model = tried.models[index]
        used = [gain for gain, use in zip(gains, tried.uses, strict=True) if use == index]
        files.append(
            ModelFile(
                n=number[index],
                href=model_href(model.data),
                size_bytes=model.size_bytes,
                sha256=hashlib.sha256(model.data).hexdigest(),
                base=None if model.base is None else number[model.base],
                gain_db=fmean(used) if used else None,
            )
        )
    # The bandwidth is a summary for people; players count the bytes of each file.
    total_bits = 8 * sum(file.size_bytes for file in files)
    return ModelTrack(
        id=f"{r.id}-{spec.name}",
        network=spec.name,
        scale=spec.scale,
        macs_per_pixel=macs_per_rung_pixel(spec, input_size, own_size),
        rank=1,
        bandwidth_bps=max(1, round(total_bits / r.duration_s)),
        format=FORMAT,
        models=tuple(files),
        uses=tuple(None if use is None else number[use] for use in tried.uses),
        input_size=None if input_size == own_size else input_size,
    )


def _remove_unlisted(root: Path) -> None:
    """Model files of an earlier training that no representation lists any more."""
    listed = open_bundle(root).files()
    for path in (root / "models").glob("*.ndm"):
        if f"models/{path.name}" not in listed:
            path.unlink()
