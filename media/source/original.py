"""The video that a bundle was packaged from, known by its hash: frames of another would teach and prove lies."""

from __future__ import annotations

from pathlib import Path

from manifests.errors import BrokenBundleError
from manifests.names import PROVENANCE
from manifests.provenance import read_provenance
from media.errors import WrongSourceError
from media.source.treatment import SourceTreatment, file_sha256


def treatment_of(root: Path, source: Path) -> SourceTreatment:
    """Returns the packager's treatment of `source`, from which the bundle in `root` was made.

    Raises WrongSourceError if it was made from another file, BrokenBundleError if the bundle does not record it,
    OSError.
    """
    try:
        provenance = read_provenance(root)
        treatment = SourceTreatment.from_json(provenance.treatment)
        name, sha256 = provenance.source.name, provenance.source.sha256
    except (LookupError, TypeError, ValueError) as error:
        raise BrokenBundleError(f"{PROVENANCE} does not tell how the source was treated; package it again") from error
    if not source.is_file():
        problem = "is not a file" if source.exists() else "does not exist"
        raise WrongSourceError(
            f"{source} {problem}; --source names the video that the bundle was packaged from, {name}"
        )
    if file_sha256(source) != sha256:
        raise WrongSourceError(f"{root} was packaged from another file than {source}: name that one, {name}")
    return treatment
