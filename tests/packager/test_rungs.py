"""The words in which rungs are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packager.errors import LadderError
from packager.rungs import Bitrate, Crf, WantedRung, parse_bitrate, parse_rungs


@pytest.mark.parametrize("name", ["auto", "fixed"])
def test_ladders_have_names(name: str) -> None:
    assert parse_rungs(name) == name


@given(st.integers(1, 99_999))
def test_a_bitrate_alone_is_read(kbps: int) -> None:
    assert parse_bitrate(f"{kbps}k") == 1000 * kbps
    assert parse_bitrate(f"{kbps / 1000:.3f}M") == 1000 * kbps


@pytest.mark.parametrize("text", ["", "800", "-1k", "k", "1e9k", "0.1k", "800k,", "nank"])
def test_what_is_not_a_bitrate_is_named(text: str) -> None:
    with pytest.raises(LadderError):
        parse_bitrate(text)


def test_heights_at_quality_and_bitrate() -> None:
    assert parse_rungs("360@crf27, 540@800k,720@2.5M") == (
        WantedRung(360, Crf(27)),
        WantedRung(540, Bitrate(800_000)),
        WantedRung(720, Bitrate(2_500_000)),
    )


rates = st.one_of(
    st.integers(0, 63).map(lambda crf: Crf(float(crf))), st.integers(1, 99_999).map(lambda k: Bitrate(1000 * k))
)


@given(st.lists(st.builds(WantedRung, st.integers(2, 9999), rates), min_size=1, max_size=5))
def test_what_is_printed_is_read_back(wanted: list[WantedRung]) -> None:
    assert parse_rungs(",".join(map(str, wanted))) == tuple(wanted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "360",
        "360@",
        "360@27",
        "@crf27",
        "360@crf",
        "360@800",
        "x@crf27",
        "360@crf27,",
        "-360@crf27",
        "0@crf27",
        "360@0k",
    ],
)
def test_anything_else_is_refused_by_name(text: str) -> None:
    with pytest.raises(LadderError, match="rung"):
        parse_rungs(text)
