"""docs/bundle.md says what the code does: its examples are read, its tables name every attribute."""

from __future__ import annotations

import json
import re

from lxml import etree

from manifests.mpd.read import read_mpd
from tests.support.paths import GOLDEN, ROOT

PAGE = (ROOT / "docs" / "bundle.md").read_text("utf-8")
MODELS_MPD = (GOLDEN / "models.mpd").read_text("utf-8")
SCHEMA = ROOT / "manifests" / "schema" / "neudash-mpd.xsd"


def example(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    return match[1]


def test_the_example_of_the_extension_is_read_as_the_golden_is() -> None:
    text = re.sub(r'sha256="([0-9a-f]{4})…"', r'sha256="\1', example("xml"))
    text = re.sub(r'sha256="([0-9a-f]{4})(?=[ />])', lambda m: f'sha256="{m[1]:0<64}"', text)
    start, end = MODELS_MPD.index('<Representation id="v360"'), MODELS_MPD.index("</Representation>") + 17
    p = read_mpd((MODELS_MPD[:start] + text + MODELS_MPD[end:]).encode())
    told, golden = p.video[0].model_tracks[0], read_mpd(MODELS_MPD.encode()).video[0].model_tracks[0]
    assert told.uses == golden.uses
    assert [(m.n, m.base, m.href, m.size_bytes, m.gain_db) for m in told.models] == [
        (m.n, m.base, m.href, m.size_bytes, m.gain_db) for m in golden.models
    ]


def test_every_attribute_of_the_schema_is_explained() -> None:
    names = {a.get("name") for a in etree.parse(str(SCHEMA)).iter("{http://www.w3.org/2001/XMLSchema}attribute")}
    assert {"sha256", "macs", "timescale"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


def test_the_example_of_quality_json_is_json() -> None:
    content = json.loads(example("json"))
    assert content["version"] == 1
    assert set(content["rungs"][0]["segments"][0]) == {"number", "bytes", "model_bytes", "plain", "enhanced"}
