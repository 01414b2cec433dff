"""Languages: what containers say, made into the tags that players compare and the names that viewers read."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.languages import MAX_TAG_CHARACTERS, bcp47, language_name
from manifests.mpd.names import LANGUAGE

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

TABLE = [line.split("\t") for line in (resources.files("manifests") / "languages.tsv").read_text("utf-8").splitlines()]

# RFC 5646, 2.1, without extensions and private use
WELL_FORMED = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*", re.ASCII)


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("eng", "en"),
        ("fre", "fr"),
        ("fra", "fr"),
        ("ger", "de"),
        ("deu", "de"),
        ("chi", "zh"),
        ("zho", "zh"),
        ("jpn", "ja"),
        ("EN", "en"),
        (" fr ", "fr"),
        ("haw", "haw"),  # no code of two letters
        ("cmn", "zh"),
        ("yue", "yue"),
        ("zh-yue", "yue"),
        ("iw", "he"),
        ("mol", "ro"),
        ("pob", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("eng-GB", "en-GB"),
        ("zh-hans", "zh-Hans"),
        ("zh-cmn-Hans-cn", "zh-Hans-CN"),
        ("es-419", "es-419"),
        ("sr-latn-rs-ekavsk", "sr-Latn-RS-ekavsk"),
        ("de_AT.UTF-8@euro", "de-AT"),
        ("en-x-private", "en"),
        ("en-!", "en"),
        ("English", "en"),
        ("français", "fr"),
        ("qaa", "qaa"),
        ("qtz", "qtz"),
    ],
)
def test_what_containers_say_becomes_the_shortest_tag(said: str, tag: str) -> None:
    assert bcp47(said) == tag


@pytest.mark.parametrize(
    "said",
    [None, "", "  ", "und", "mul", "zxx", "mis", "xyz", "qua2", "quz", "```", "\0\0\0", "x-klingon", "a", "12", "-"],
)
def test_what_names_no_language_is_none(said: str | None) -> None:
    assert bcp47(said) is None


def test_every_code_of_iso_639_2_leads_to_one_short_tag() -> None:
    assert len([row for row in TABLE if len(row[0]) == 2]) == 184
    for tag, codes, english, own in TABLE:
        assert WELL_FORMED.fullmatch(tag) and english and own
        assert {bcp47(code) for code in (tag, tag.upper(), *codes.split())} == {tag}


def test_no_code_stands_for_two_languages() -> None:
    codes = [code.casefold() for tag, others, _, _ in TABLE for code in (tag, *others.split())]
    assert len(codes) == len(set(codes))


@UNHURRIED
@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,6}", fullmatch=True))
def test_any_text_gives_a_tag_that_manifests_carry_or_none(text: str) -> None:
    tag = bcp47(text)
    if tag is not None:
        assert WELL_FORMED.fullmatch(tag) and LANGUAGE.fullmatch(tag) and len(tag) <= MAX_TAG_CHARACTERS
        assert bcp47(tag) == tag
        assert language_name(tag)


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("en", "English"),
        ("fr", "Français"),
        ("de", "Deutsch"),
        ("ja", "日本語"),
        ("pt-BR", "Português (Brasil)"),
        ("de-AT", "Deutsch (AT)"),
        ("zh-Hans-CN", "中文 (Hans-CN)"),
        ("qaa", "Original"),
        ("qab", "qab"),
        ("xx", "xx"),
    ],
)
def test_a_language_is_called_by_its_own_name(tag: str, name: str) -> None:
    assert language_name(tag) == name
