"""The quality table: what is written is read, and nothing else is; the manifest's word for it holds or is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from manifests.bundle import open_bundle, publish_manifest
from manifests.errors import BrokenBundleError, MalformedManifestError
from manifests.files import publish_file
from manifests.model import ModelFile, SideFile
from manifests.mpd.read import read_mpd
from manifests.names import quality_href
from manifests.quality_table import (
    MAX_TABLE_BYTES,
    QualityTable,
    RungQuality,
    SegmentQuality,
    decode_quality,
    encode_quality,
    models_digest,
)
from manifests.verify import schema_problems, verify_bundle
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tiny_bundle import TinyBundle

scores = st.none() | st.integers(0, 200).map(lambda value: value / 2)
entries = st.builds(SegmentQuality, st.integers(0, 2**32 - 1), scores, scores, scores, scores)
names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", fullmatch=True)


@st.composite
def tables(draw: st.DrawFn) -> QualityTable:
    segments = draw(st.integers(1, 6))
    rungs = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    runs = st.lists(entries, min_size=segments, max_size=segments).map(tuple)
    digests = st.binary(min_size=8, max_size=8)
    return QualityTable({rung: RungQuality(draw(runs), draw(digests)) for rung in rungs})


@given(tables())
def test_any_table_survives_the_round_trip(table: QualityTable) -> None:
    data = encode_quality(table)
    assert decode_quality(data) == table
    assert encode_quality(decode_quality(data)) == data


@given(tables(), st.data())
def test_a_table_cut_or_grown_anywhere_is_refused(table: QualityTable, data: st.DataObject) -> None:
    whole = encode_quality(table)
    with pytest.raises(MalformedManifestError):
        decode_quality(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(MalformedManifestError):
        decode_quality(whole + data.draw(st.binary(min_size=1, max_size=20)))


@settings(max_examples=300)
@given(st.data())
def test_a_changed_byte_ends_in_an_error_or_in_another_table(data: st.DataObject) -> None:
    golden = bytearray((GOLDEN / "measured.ndq").read_bytes())
    golden[data.draw(st.integers(0, len(golden) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        table = decode_quality(bytes(golden))
    except MalformedManifestError:
        return
    assert encode_quality(table) == bytes(golden)


HEAD = b"NDQ1" + struct.pack("<HI", 1, 1) + b"\x01v" + bytes(8)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a quality table"),
        (b"NDQ2" + HEAD[4:] + bytes(8), "not a quality table"),
        (b"NDQ1" + bytes(MAX_TABLE_BYTES), "not a quality table"),
        (b"NDQ1" + struct.pack("<HI", 0, 1), "0 rungs"),
        (b"NDQ1" + struct.pack("<HI", 1, 0), "0 segments"),
        (b"NDQ1" + struct.pack("<HI", 64, 2**32 - 1), "4294967295 segments"),
        (b"NDQ1" + struct.pack("<HI", 65, 1), "65 rungs"),
        (b"NDQ1" + struct.pack("<HI", 2, 1) + (b"\x01v" + bytes(8)) * 2 + bytes(16), "twice"),
        (b"NDQ1" + struct.pack("<HI", 1, 1) + b"\x02./" + bytes(16), "names a rung"),
        (HEAD + struct.pack("<I4B", 1, 201, 0, 0, 0), "a score of 100.5"),
        (HEAD, "length"),
    ],
)
def test_a_hostile_table_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(MalformedManifestError, match=reason):
        decode_quality(data)


def test_rungs_of_different_lengths_are_not_written() -> None:
    one, two = (RungQuality((SegmentQuality(1),) * count) for count in (1, 2))
    with pytest.raises(MalformedManifestError):
        encode_quality(QualityTable({"a": one, "b": two}))


@pytest.mark.parametrize("name", ["", "a/b", "ä", "v" * 65, "v" * 300])
def test_a_name_that_no_reader_takes_is_not_written(name: str) -> None:
    with pytest.raises(MalformedManifestError, match="names a rung"):
        encode_quality(QualityTable({name: RungQuality((SegmentQuality(1),))}))


@pytest.mark.parametrize(
    "segment",
    [SegmentQuality(2**32), SegmentQuality(-1), SegmentQuality(1, float("nan")), SegmentQuality(1, None, 1e400)],
)
def test_numbers_that_it_has_no_room_for_are_not_written(segment: SegmentQuality) -> None:
    with pytest.raises(MalformedManifestError, match="no room"):
        encode_quality(QualityTable({"a": RungQuality((segment,))}))


def test_the_digest_tells_which_segment_has_which_chain() -> None:
    a, b = (ModelFile(n, f"models/{n}.ndm", 1, str(n) * 64) for n in (1, 2))
    chains = [(a, b), (), (a,)]
    assert models_digest(chains) == models_digest([list(chain) for chain in chains])
    others = [[(a,), (b,), (a,)], [(), (a, b), (a,)], [(b, a), (), (a,)]]
    assert len({models_digest(other) for other in [chains, *others]}) == 4


# Each row: what it is, the replacement that makes it of the golden manifest, a part of the error's message.
ROWS = {
    "href climbs": ('href="quality/', 'href="../quality/', "not an address"),
    "href elsewhere": ('href="quality/', 'href="http://evil.example/quality/', "not an address"),
    "larger than is read": ('size="116"', 'size="2097153"', "not a whole number"),
    "of no size": ('size="116"', "", "size is missing"),
    "without a hash": ('"116" sha256=', '"116" sha512=', "sha256 is missing"),
    "two of them": ("<nd:Quality ", '<nd:Quality href="a" size="1" sha256="' + "0" * 64 + '"/><nd:Quality ', "second"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_hostile_word_of_a_table_is_refused(row: tuple[str, str, str]) -> None:
    old, new, reason = row
    text = (GOLDEN / "measured.mpd").read_text("utf-8")
    assert old in text
    with pytest.raises(MalformedManifestError, match=reason):
        read_mpd(text.replace(old, new).encode())
    if "second" not in reason:
        assert list(schema_problems(etree.fromstring(text.replace(old, new).encode())))


def test_a_table_of_another_version_is_passed_over() -> None:
    text = (GOLDEN / "measured.mpd").read_text("utf-8")
    newer = text.replace('quality:2026" value="1"', 'quality:2026" value="2"').replace('size="116"', 'bytes="116"')
    assert read_mpd(text.encode()).adaptation_sets[0].quality is not None
    assert read_mpd(newer.encode()).adaptation_sets[0].quality is None


def test_the_golden_says_what_it_was_made_from() -> None:
    table = decode_quality((GOLDEN / "measured.ndq").read_bytes())
    assert table.rungs["v360"].segments[0] == SegmentQuality(120000, 80.5, 79.0, 84.5, 81.5)
    assert (table.rungs["v360"].segments[2].plain, table.rungs["v360"].segments[2].enhanced) == (88.5, None)
    assert table.rungs["v720"].segments[4] == SegmentQuality(380000)


@pytest.fixture
def bundle(tiny_bundle: TinyBundle) -> Path:
    """A bundle to be broken."""
    root: Path = tiny_bundle.root
    return root


def with_table(root: Path, change: int = 0, rungs: slice = slice(None)) -> None:
    """Publish a table of the true sizes plus `change`, of some of the rungs."""
    p = open_bundle(root).presentation
    video = next(s for s in p.adaptation_sets if s.content_type == "video")
    data = encode_quality(
        QualityTable(
            {
                r.id: RungQuality(tuple(SegmentQuality((root / s.href).stat().st_size + change) for s in r.segments))
                for r in video.representations[rungs]
            }
        )
    )
    publish_file(root / quality_href(data), data)
    told = SideFile(quality_href(data), len(data), hashlib.sha256(data).hexdigest())
    sets = tuple(replace(s, quality=told) if s is video else s for s in p.adaptation_sets)
    publish_manifest(root, dataclasses.replace(p, adaptation_sets=sets))


def test_a_bundle_lists_its_table_and_verifies(bundle: Path) -> None:
    with_table(bundle)
    listed = {file.kind: file.href for file in open_bundle(bundle).files().values()}
    assert (bundle / listed["quality"]).is_file()
    assert verify_bundle(bundle).problems == ()


@pytest.mark.parametrize(("change", "rungs"), [(1, slice(None)), (0, slice(1))])
def test_a_table_of_other_segments_is_not_published(bundle: Path, change: int, rungs: slice) -> None:
    with pytest.raises(BrokenBundleError, match="quality/"):
        with_table(bundle, change, rungs)


def test_verify_finds_a_table_that_changed(bundle: Path) -> None:
    with_table(bundle)
    [path] = (bundle / "quality").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    assert any("SHA-256" in problem for problem in verify_bundle(bundle).problems)
    path.unlink()
    assert any("quality/" in problem for problem in verify_bundle(bundle).problems)
