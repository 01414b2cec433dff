"""Addresses stay inside the bundle, and BaseURLs on the manifest's own server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.base_urls import base_urls
from manifests.errors import MalformedManifestError
from manifests.hrefs import checked_base_url, checked_href
from manifests.template import expand, resolve, with_representation_id
from tests.manifests.golden import regenerate
from tests.support.presentations import with_series

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MANIFEST_URL = "http://host:8080/title/manifest.mpd"


@pytest.mark.parametrize("text", ["a", "models/6350ab.ndm", "video/v360/00001.m4s", "a..b/c~1+2=3@4,5", "_x"])
def test_plain_paths_are_allowed(text: str) -> None:
    assert checked_href(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *[".", "..", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/..", "./a", "a/.b", ".a", "a.", "a./b", "-a"],
        *[
            r"a\b",
            r"c:a",
            r"http://h/a",
            r"//h/a",
            r"a?b",
            r"a#b",
            r"%2e%2e/a",
            r"a%2fb",
            r"$a$",
            r"data:,a",
            r"javascript:a",
        ],
        *("", "a b", "a\0b", "a\nb", "a\n", "\u00e4", "a" * 513),
    ],
)
def test_every_other_path_is_refused(text: str) -> None:
    with pytest.raises(MalformedManifestError, match="not an address that a bundle may use"):
        checked_href(text)


@UNHURRIED
@given(st.text(st.sampled_from("ab./\\:%-_~"), max_size=12))
def test_an_allowed_path_never_climbs(text: str) -> None:
    try:
        parts = checked_href(text).split("/")
    except MalformedManifestError:
        return
    assert not any(part in ("", ".", "..") or part.startswith(".") or part.endswith(".") for part in parts)


@pytest.mark.parametrize("text", ["", "./", "media/", "../", "/media/", "https://h/x/", "http://h:1/"])
def test_relative_and_http_base_urls_are_allowed(text: str) -> None:
    assert checked_base_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *[
            "file:///etc/",
            "javascript:alert(1)",
            "ftp://h/",
            "//h/x",
            "http:x",
            "http://",
            "http://u:p@h/",
            "http://[::1/",
            "http://h:65536/",
            "http://h:x/",
        ],
        *("a\\b", "a b", "a\nb", "a?b", "a#b", "d\u00e4tei/", "data:,"),
    ],
)
def test_every_other_base_url_is_refused(text: str) -> None:
    with pytest.raises(MalformedManifestError, match="BaseURL"):
        checked_base_url(text)


def test_base_urls_resolve_level_by_level() -> None:
    p = replace(regenerate.presentations()["plain.mpd"], base_urls=("a/", "/b/"))
    s = replace(p.adaptation_sets[0], base_urls=("x/", "../y/"))
    prefix = "http://host:8080"
    assert base_urls(MANIFEST_URL, p, s) == (
        f"{prefix}/title/a/x/",
        f"{prefix}/title/y/",
        f"{prefix}/b/x/",
        f"{prefix}/y/",
    )


def test_without_base_urls_the_manifest_is_the_base() -> None:
    p = regenerate.presentations()["plain.mpd"]
    assert base_urls(MANIFEST_URL, p, p.adaptation_sets[0]) == (MANIFEST_URL,)


@pytest.mark.parametrize("elsewhere", ["https://host:8080/t/", "http://host/t/", "http://other:8080/t/"])
def test_another_origin_needs_permission(elsewhere: str) -> None:
    p = replace(regenerate.presentations()["plain.mpd"], base_urls=(elsewhere,))
    with pytest.raises(MalformedManifestError, match="away from"):
        base_urls(MANIFEST_URL, p, p.adaptation_sets[0])
    assert base_urls(MANIFEST_URL, p, p.adaptation_sets[0], other_origins=True) == (elsewhere,)
    p = replace(p, base_urls=(elsewhere, "./"))
    assert base_urls(MANIFEST_URL, p, p.adaptation_sets[0]) == (MANIFEST_URL.rpartition("/")[0] + "/",)
    assert len(base_urls(MANIFEST_URL, p, p.adaptation_sets[0], other_origins=True)) == 2


def test_templates_expand() -> None:
    r = regenerate.rung("v360", 640, 360, 493825)
    assert r.init_href == "video/v360/init.mp4"
    assert r.segments[4].href == "video/v360/00005.m4s"
    media = resolve("$RepresentationID$_$Bandwidth$_$Time%08d$_$Number$.m4s", r.id, r.bandwidth_bps)
    assert media == "v360_493825_$Time%08d$_$Number$.m4s"
    assert with_series(r, media=media).segments[1].href == "v360_493825_00030720_2.m4s"


@pytest.mark.parametrize(
    ("href", "template"),
    [
        ("video/v360/init.mp4", "video/$RepresentationID$/init.mp4"),
        ("video/v360-ab/$Number$.m4s", "video/$RepresentationID$-ab/$Number$.m4s"),
        ("v360.mp4", "$RepresentationID$.mp4"),
        ("xv360/v3601/init.mp4", "xv360/v3601/init.mp4"),
    ],
)
def test_an_id_in_an_address_becomes_a_field_again(href: str, template: str) -> None:
    assert with_representation_id(href, "v360") == template
    assert expand(template, {"RepresentationID": "v360", "Number": 1}) == expand(href, {"Number": 1})


@pytest.mark.parametrize(
    "template",
    [
        *[
            "$Number$.m4s/..",
            "../$Number$.m4s",
            "$Foo$.m4s",
            "$Number.m4s",
            "$$.m4s",
            "$SubNumber$",
            "http://h/$Number$",
        ],
        *("$RepresentationID%05d$.m4s", "$Number%0999d$", "$Number%099d$" * 9, "x" * 600, ""),
    ],
)
def test_a_template_that_leads_astray_is_refused(template: str) -> None:
    r = regenerate.rung("v360", 640, 360, 493825)
    with pytest.raises(MalformedManifestError):
        with_series(r, media=resolve(template, r.id, r.bandwidth_bps)).segments[0].href  # noqa: B018 - it raises


def test_an_init_segment_has_no_number() -> None:
    with pytest.raises(MalformedManifestError, match="may not use"):
        expand("$Number$.mp4", {"RepresentationID": "v", "Bandwidth": 1})
