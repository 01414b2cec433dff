"""The record in provenance.json of how a bundle was made, read and written in one place (docs/bundle.md).

The packager writes source, treatment and packaging; the trainer adds a record for each rung that it trained. Members
that this version does not know stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from manifests.bundle import publish_json, read_json
from manifests.errors import BrokenBundleError
from manifests.ladder_record import LadderRecord
from manifests.names import PROVENANCE

_T = TypeVar("_T")


@dataclass(frozen=True)
class SourceRecord:
    """The video that a bundle was packaged from."""

    name: str
    """Name of its file."""
    sha256: str
    """64 lower-case hex digits over the whole file."""
    probe: Mapping[str, Any] = field(default_factory=dict)
    """Facts of its header, for people."""


@dataclass(frozen=True)
class PackagingRecord:
    """Settings and tools of `neudash package`."""

    settings: Mapping[str, Any]
    segmenter: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Version line of each program."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 over init segment and segments of each representation, by its id."""
    ladder: LadderRecord | None = None
    """Choice of a measured ladder: excerpts, what they measured, and a reason for each rung (docs/bundle.md)."""

    @property
    def rates(self) -> dict[str, str]:
        """Rate of each rung as it was asked for (`crf27`, `800k`), by representation id."""
        return {rung["id"]: rung["rate"] for rung in self.settings["rungs"]}


@dataclass(frozen=True)
class TriedModels:
    """One model, or several of a kind, that were tried on a rung."""

    network: str
    what: str
    """`title model` or `models for parts of the title`."""
    models: int
    size_bytes: int
    """Bytes of all of them."""
    gain_db: float
    """Mean gain in PSNR-Y over plain, over the segments where they were tried, each with the best of the kind."""
    worth_bytes: float
    """Bytes that plain video of the same quality would take more."""
    used: int
    """Segments that are played with them."""
    why: str
    """Reason for their fate, in words."""


@dataclass(frozen=True)
class UntrainedNetwork:
    """A network that was considered for a rung and not trained."""

    network: str
    why: str


@dataclass(frozen=True)
class ChoiceRecord:
    """The trainer's choice on one rung."""

    rate_per_db: float
    """Share of the rung's bytes that 1 dB was taken to be worth."""
    networks: tuple[str, ...]
    """Networks that were published, best first."""
    tried: tuple[TriedModels, ...]
    not_trained: tuple[UntrainedNetwork, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ChoiceRecord:
        """Reads what `asdict` makes. Raises LookupError, TypeError."""
        tried = tuple(TriedModels(*(row[f.name] for f in fields(TriedModels))) for row in value["tried"])
        untrained = tuple(UntrainedNetwork(row["network"], row["why"]) for row in value["not_trained"])
        return cls(value["rate_per_db"], tuple(value["networks"]), tried, untrained)


@dataclass(frozen=True)
class TrainingRecord:
    """The training of one rung."""

    key: str
    """Name of everything that determined it; the same key means the same models."""
    segment_gains_db: tuple[float, ...]
    """Gain of each segment in PSNR-Y as it is played; 0 if it is plain."""
    choice: ChoiceRecord
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the run and versions of what ran."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TrainingRecord:
        """Reads what `to_json` makes. Raises LookupError, TypeError."""
        known = {"key", "segment_gains_db", "choice"}
        settings = {name: member for name, member in value.items() if name not in known}
        choice = ChoiceRecord.from_json(value["choice"])
        return cls(value["key"], tuple(value["segment_gains_db"]), choice, settings)

    def to_json(self) -> dict[str, Any]:
        """Returns the record as provenance.json holds it, the settings as members of their own."""
        own = {"key": self.key, "segment_gains_db": self.segment_gains_db, "choice": asdict(self.choice)}
        return {**own, **self.settings}


@dataclass(frozen=True)
class Provenance:
    """The whole record."""

    value: Mapping[str, Any]
    """The JSON object as it was read."""

    @property
    def source(self) -> SourceRecord:
        """Raises BrokenBundleError if the record does not name the source."""
        source = self._member("source", dict)
        return self._read("source", lambda: SourceRecord(source["name"], source["sha256"], source.get("probe", {})))

    @property
    def treatment(self) -> Mapping[str, Any]:
        """The source's treatment, for `SourceTreatment.from_json`. Raises BrokenBundleError if it is not recorded."""
        return self._member("treatment", dict)

    @property
    def packaging(self) -> PackagingRecord:
        """Raises BrokenBundleError if the record does not tell how the bundle was packaged."""
        packaging = self._member("packaging", dict)
        return self._read(
            "packaging",
            lambda: PackagingRecord(
                packaging["settings"],
                packaging.get("segmenter", ""),
                packaging.get("tools", {}),
                packaging["sha256"],
                LadderRecord.from_json(packaging["ladder"]) if packaging.get("ladder") else None,
            ),
        )

    @property
    def training(self) -> dict[str, TrainingRecord]:
        """Records of the rungs that were trained, by representation id; those of other versions are left out."""
        found = {}
        records = self.value.get("training", {})
        for name, record in records.items() if isinstance(records, dict) else ():
            try:
                found[name] = TrainingRecord.from_json(record)
            except (LookupError, TypeError, AttributeError):
                continue
        return found

    def with_training(self, records: Mapping[str, TrainingRecord]) -> Provenance:
        """Returns the record with those of more rungs, by representation id."""
        training = {**self.value.get("training", {}), **{name: record.to_json() for name, record in records.items()}}
        return replace(self, value={**self.value, "training": training})

    def _member(self, name: str, kind: type[_T]) -> _T:
        member = self.value.get(name)
        if not isinstance(member, kind):
            raise BrokenBundleError(f"{PROVENANCE} has no {name}; package the video again")
        return member

    def _read(self, name: str, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except (LookupError, TypeError, AttributeError) as error:
            raise BrokenBundleError(f"{PROVENANCE} has no complete {name}; package the video again") from error


def packaged_provenance(
    version: str, source: SourceRecord, treatment: Mapping[str, Any], packaging: PackagingRecord
) -> Provenance:
    """Returns the record of a bundle that was just packaged by that version of neudash."""
    return Provenance(
        {
            "neudash": version,
            "source": asdict(source),
            "treatment": dict(treatment),
            "packaging": {name: value for name, value in asdict(packaging).items() if value is not None},
        }
    )


def read_provenance(root: Path) -> Provenance:
    """Reads the record of the bundle in `root`. Raises BrokenBundleError."""
    return Provenance(read_json(root, PROVENANCE))


def publish_provenance(root: Path, provenance: Provenance) -> None:
    """Writes the record into the bundle, whole or not at all. Raises OSError."""
    publish_json(root, PROVENANCE, dict(provenance.value))
