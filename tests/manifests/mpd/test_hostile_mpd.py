"""Whatever a stranger sends as a manifest ends in one clear error, quickly and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import MalformedManifestError
from manifests.mpd.read import read_mpd
from manifests.mpd.segments import MAX_SEGMENTS
from manifests.mpd.write import write_mpd
from tests.support.paths import GOLDEN, ROOT

if TYPE_CHECKING:
    from manifests.model import Presentation

MODELS_MPD = GOLDEN / "models.mpd"

_XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://evil.example/x"'
_SHA = "6350208d24224b31" + "0" * 48


def _doctype(declarations: str, body: str) -> list[tuple[str, str]]:
    return [("<MPD", f"<!DOCTYPE MPD [{declarations}]><MPD"), ("Sonnenuntergang", body)]


_LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
_MODEL = '<nd:Model n="2" base="1" href="models/cb5b99c5b0f58664.ndm" size="610"'
_CHAIN = "".join(
    f'<nd:Model n="{n}" base="{n - 1}" href="models/{n}.ndm" size="1" sha256="{_SHA}"/>' for n in range(3, 30)
)
_MANY = "".join(f'<nd:Model n="{n}" href="models/{n}.ndm" size="1" sha256="{_SHA}"/>' for n in range(3, 310))
_S = '<S t="0" d="30720" r="4"/>'
_LAST = '<nd:Use d="30720" n="2"/>'
_LAST = '<nd:Use d="30720" n="2"/>'
_USES = '<nd:Use d="61440" n="1"/>'
_VIDEO = "video/$RepresentationID$/$Number%05d$.m4s"

# Each row: what it is, the replacements that make it of the golden, a part of the error's message.
ROWS: dict[str, tuple[list[tuple[str, str]], str]] = {
    "billion laughs": (_doctype('<!ENTITY l0 "ha">' + _LAUGHS, "&l9;"), ""),
    "billion laughs unused": (_doctype('<!ENTITY l0 "ha">' + _LAUGHS, "x"), "DOCTYPE"),
    "quadratic entity": (_doctype(f'<!ENTITY q "{"q" * 50000}">', "&q;" * 20000), ""),
    "external entity": (_doctype('<!ENTITY x SYSTEM "file:///etc/passwd">', "&x;"), "DOCTYPE"),
    "parameter entity": (_doctype('<!ENTITY % x SYSTEM "http://evil.example/x"> %x;', "x"), ""),
    "external subset": ([("<MPD", '<!DOCTYPE MPD SYSTEM "http://evil.example/x.dtd"><MPD')], "DOCTYPE"),
    "deep nesting": ([("<Period", "<x>" * 60000 + "<Period")], "well-formed"),
    "2 MiB of text": ([("Sonnenuntergang", "x" * (2 << 20))], "bytes of XML"),
    "2 MiB in one attribute": ([('id="v360"', f'id="{"v" * (2 << 20)}"')], "bytes of XML"),
    "a million S": ([(_S, '<S d="1"/>' * 180_000)], "XML tags"),
    "many S": ([(_S, '<S d="1"/>' * 140_000)], "not a segment boundary"),
    "many periods": ([("<Period id", '<Period id="q"/><Period id')], "2 Periods"),
    "a million periods": ([("<Period id", "<Period/>" * 200_000 + "<Period id")], "XML tags"),
    "no period": ([("<Period", "<Perioden"), ("</Period", "</Perioden")], "0 Periods"),
    "xlink on the period": ([("<Period", f"<Period {_XLINK}")], "remote elements"),
    "xlink deep inside": ([(_S, _S.replace("<S", f"<S {_XLINK}"))], "remote elements"),
    "live": ([('type="static"', 'type="dynamic"')], "live"),
    "another root": ([("<MPD", "<nd:MPD"), ("</MPD", "</nd:MPD")], "root element"),
    "another namespace": ([("urn:mpeg:dash:schema:mpd:2011", "urn:x")], "root element"),
    "r of 2^31": ([(_S, '<S t="0" d="1" r="2147483647"/>')], "more than 200000 segments"),
    "r just too many": ([(_S, f'<S t="0" d="1" r="{MAX_SEGMENTS}"/>')], "more than 200000 segments"),
    "r of 10^18": ([(_S, f'<S t="0" d="1" r="{10**18}"/>')], "more than 200000 segments"),
    "r open": ([(_S, '<S t="0" d="30720" r="-1"/>')], "not a whole number"),
    "t negative": ([(_S, '<S t="-1" d="30720"/>')], "not a whole number"),
    "t huge": ([(_S, '<S t="99999999999999999999" d="30720"/>')], "not a whole number"),
    "t of a megabyte": ([(_S, f'<S t="{"9" * 1_000_000}" d="30720"/>')], "not a whole number"),
    "d missing": ([(_S, "<S/>")], "d is missing"),
    "d zero": ([(_S, '<S d="0"/>')], "not a whole number"),
    "d with sign, space, point": ([(_S, '<S d="+1"/>')], "not a whole number"),
    "d of other digits": ([(_S, '<S d="\u0663"/>')], "not a whole number"),
    "overlap": ([(_S, '<S t="0" d="30720"/><S t="30719" d="30720" r="3"/>')], "gaps and overlaps"),
    "gap": ([(_S, '<S t="0" d="30720"/><S t="30721" d="30720" r="3"/>')], "gaps and overlaps"),
    "no segment": ([(_S, "")], "no segment"),
    "timescale zero": ([('timescale="15360"', 'timescale="0"')], "not a whole number"),
    "timescale huge": ([('timescale="15360"', 'timescale="4294967296"')], "not a whole number"),
    "offset": ([('startNumber="1"', 'startNumber="1" presentationTimeOffset="99999999"')], "presentationTimeOffset"),
    "start number huge": ([('startNumber="1"', 'startNumber="99999999999"')], "not a whole number"),
    "no timeline": ([("SegmentTimeline", "SegmentTimelines")], "no SegmentTimeline"),
    "no template": ([("<SegmentTemplate", "<X"), ("</SegmentTemplate", "</X")], "no SegmentTemplate"),
    "duration in e-notation": ([("PT10S", "PT1e400S")], "not a duration"),
    "duration in years": ([("PT10S", "P1Y")], "not a duration"),
    "duration negative": ([("PT10S", "-PT10S")], "not a duration"),
    "duration zero": ([("PT10S", "PT0S")], "nothing to play"),
    "duration missing": ([('mediaPresentationDuration="PT10S"', ""), ('duration="PT10S"', "")], "is missing"),
    "period starts late": ([('start="PT0S"', 'start="PT1S"')], "PT0S is read"),
    "base url of a file": ([("https://mirror.example/title/", "file:///etc/")], "BaseURL"),
    "base url of script": ([("https://mirror.example/title/", "javascript:alert(1)")], "BaseURL"),
    "base url with a user": ([("https://mirror", "https://a:b@mirror")], "BaseURL"),
    "base urls without end": ([("<BaseURL>", "<BaseURL>x/</BaseURL>" * 9 + "<BaseURL>")], "at most 8"),
    "base url of the period": ([("<AdaptationSet", "<BaseURL>x/</BaseURL><AdaptationSet")], "AdaptationSet only"),
    "href climbs": ([("models/6350208d24224b31", "models/../6350208d24224b31")], "not an address"),
    "href absolute": ([("models/6350208d24224b31", "/models/6350208d24224b31")], "not an address"),
    "href elsewhere": ([("models/6350208d24224b31", "http://evil.example/6350208d24224b31")], "not an address"),
    "href escaped": ([("models/6350208d24224b31", "models/%2e%2e/6350208d24224b31")], "not an address"),
    "href of backslashes": ([("models/6350208d24224b31", "models\\..\\6350208d24224b31")], "not an address"),
    "href empty": ([("models/6350208d24224b31.ndm", "")], "not an address"),
    "href missing": ([('href="models/6350208d24224b31.ndm"', "")], "not an address"),
    "template climbs": ([(_VIDEO, "../$Number$.m4s")], "not an address"),
    "template elsewhere": ([(_VIDEO, "http://evil.example/$Number$.m4s")], "not an address"),
    "template of one name": ([(_VIDEO, "video/all.m4s")], "it needs $Number$"),
    "template unknown field": ([(_VIDEO, "video/$SubNumber$$Number$.m4s")], "not an address"),
    "template of endless width": ([(_VIDEO, "video/$Number%0999999999d$$Number$.m4s")], "not an address"),
    "template shared by two rungs": ([(_VIDEO, "video/$Number$.m4s")], "there twice"),
    "init shared by two rungs": ([("video/$RepresentationID$/init.mp4", "video/init.mp4")], "there twice"),
    "id climbs": ([('id="v360" ', 'id="../v360" ')], "not of the form"),
    "id twice": ([('id="v720" ', 'id="v360" ')], "'v360' is there twice"),
    "set id twice": ([('id="2"', 'id="1"')], "AdaptationSet '1' is there twice"),
    "set id of text": ([('id="2"', 'id="two"')], "not of the form"),
    "codecs breaks out of a playlist": ([("avc1.64001E", "avc1&#10;#EXT")], "not of the form"),
    "language breaks out of a playlist": ([('lang="en"', 'lang="en&quot;,X=&quot;"')], "not of the form"),
    "frame rate without end": ([('frameRate="30"', 'frameRate="30/0"')], "not a frame rate"),
    "frame rate missing": ([('frameRate="30"', "")], "frameRate is missing"),
    "sar zero": ([('sar="1:1"', 'sar="0:1"')], "not a ratio"),
    "width huge": ([('width="640"', 'width="2147483647"')], "not a whole number"),
    "bandwidth zero": ([('bandwidth="493825"', 'bandwidth="0"')], "not a whole number"),
    "channels missing": ([("audio_channel_configuration", "x")], "AudioChannelConfiguration"),
    "sampling rate a list": ([('audioSamplingRate="48000"', 'audioSamplingRate="24000 48000"')], "not a whole number"),
    "no representation": ([("<Representation", "<R"), ("</Representation", "</R")], "no Representation"),
    "nothing playable": ([('contentType="', 'contentType="x-')], "nothing to play"),
    "model size zero": ([('size="3908"', 'size="0"')], "not a whole number"),
    "model size huge": ([('size="3908"', 'size="9223372036854775807"')], "not a whole number"),
    "hash short": ([(_SHA, _SHA[:-1])], "not of the form"),
    "hash in capitals": ([("cb5b99c5b0f58664" + "0" * 48, "CB5B99C5B0F58664" + "0" * 48)], "not of the form"),
    "gain not a number": ([('gain="0.940"', 'gain="nan"')], "not of the form"),
    "gain infinite": ([('gain="0.940"', 'gain="1e999"')], "not of the form"),
    "model number twice": ([('n="2" base="1"', 'n="1"')], "taken twice"),
    "model number zero": ([('n="2" base="1"', 'n="0"')], "not a whole number"),
    "base of itself": ([('n="2" base="1"', 'n="2" base="2"')], "loop"),
    "base loop": ([('n="1" href', 'n="1" base="2" href')], "loop"),
    "base dangling": ([('n="2" base="1"', 'n="2" base="9"')], "is not listed"),
    "base chain too long": ([(_MODEL, _CHAIN + _MODEL)], "longer than 16"),
    "models without end": ([(_MODEL, _MANY + _MODEL)], "more than 300"),
    "use dangling": ([(_LAST, '<nd:Use d="30720" n="3"/>')], "n=3 is not listed"),
    "use off the boundary": ([(_USES, '<nd:Use d="61439" n="1"/><nd:Use d="1"/>')], "not a segment boundary"),
    "use within a segment": ([(_USES, '<nd:Use d="15360" n="1" r="3"/>')], "not a segment boundary"),
    "use past the end": ([(_LAST, '<nd:Use d="61440" n="2"/>')], "not a segment boundary"),
    "use repeated for ever": ([(_LAST, f'<nd:Use d="30720" n="2" r="{10**18}"/>')], "not a segment boundary"),
    "use of no time": ([(_USES, _USES + '<nd:Use d="0" r="2147483647"/>')], "not a whole number"),
    "use of huge time": ([(_USES, f'<nd:Use d="{2**63 - 1}"/>')], "not a segment boundary"),
    "uses too few": ([(_LAST, "")], "covers 4 of 5"),
    "use clock zero": ([('nd:Timeline timescale="15360"', 'nd:Timeline timescale="0"')], "not a whole number"),
    "no use timeline": ([("nd:Timeline", "nd:Zeitleiste")], "0 Timeline elements"),
    "track scale zero": ([('scale="2"', 'scale="0"')], "not a whole number"),
    "track scale huge": ([('scale="2"', 'scale="9"')], "not a whole number"),
    "model without href": ([(' href="models/6350208d24224b31.ndm"', "")], ""),
    "file of no bytes": ([('size="3908"', 'size="0"')], "not a whole number"),
    "input width alone": ([('scale="2"', 'scale="2" width="640"')], "attribute height is missing"),
    "input height alone": ([('scale="2"', 'scale="2" height="360"')], "attribute width is missing"),
    "input of no pixels": ([('scale="2"', 'scale="2" width="0" height="0"')], "not a whole number"),
    "input too wide": ([('scale="2"', 'scale="2" width="16385" height="360"')], "not a whole number"),
    "input narrower": ([('scale="2"', 'scale="2" width="638" height="360"')], "width=638 is not 1 to 8 times"),
    "input lower": ([('scale="2"', 'scale="2" width="640" height="358"')], "height=358 is not 1 to 8 times"),
    "input a bomb": ([('scale="2"', 'scale="2" width="16384" height="16384"')], "width=16384 is not 1 to 8 times"),
    "input odd": ([('scale="2"', 'scale="1" width="1281" height="720"')], "sides must be even"),
    "models, segments start late": ([(_S, '<S t="1" d="30720" r="4"/>')], "do not start at 0"),
    "not closed": ([("</MPD>", "")], "well-formed"),
    "control character": ([("Sonnenuntergang", "&#0;")], "well-formed"),
    "duplicate attribute": ([('type="static"', 'type="static" type="static"')], "well-formed"),
}  # fmt: skip

RAW = {
    "nothing": b"",
    "one byte": b"\0",
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00",
    "zip": b"PK\x03\x04" + bytes(50),
    "mp4": b"\0\0\0\x18ftypisom" + bytes(50),
    "html": b"<!doctype html><html><body>404",
    "json": b'{"error": 404}',
    "not utf-8": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" id="\xff"/>',
    "utf-16": '<?xml version="1.0" encoding="UTF-16"?><MPD/>'.encode("utf-16"),
    "ebcdic": '<?xml version="1.0" encoding="EBCDIC-CP-US"?><MPD/>'.encode("cp037"),
    "zeros": bytes(2 << 20),
    "too large": bytes((2 << 20) + 1),
}


def hostile_data(name: str) -> bytes:
    """The bytes of a row. Raises AssertionError where a replacement finds nothing to replace."""
    if name in RAW:
        return RAW[name]
    text = MODELS_MPD.read_text("utf-8")
    for old, new in ROWS[name][0]:
        assert old in text, f"{name}: {old} is not in the golden"
        text = text.replace(old, new)
    return text.encode()


@pytest.mark.parametrize("name", [*ROWS, *RAW])
def test_a_hostile_manifest_ends_in_one_clear_error(name: str) -> None:
    with pytest.raises(MalformedManifestError) as caught:
        read_mpd(hostile_data(name))
    message = str(caught.value)
    assert len(message) < 1000
    assert (ROWS[name][1] if name in ROWS else "") in message


@pytest.mark.parametrize("page", [RAW["html"], b"\n<HTML lang=en>", b"<!DOCTYPE html>"])
def test_the_address_of_a_page_is_answered_by_that_of_a_manifest(page: bytes) -> None:
    with pytest.raises(MalformedManifestError, match=r"web page.*/manifest\.mpd"):
        read_mpd(page)


def test_an_error_says_the_line() -> None:
    data = hostile_data("d zero")
    line = data[: data.index(b'<S d="0"')].count(b"\n") + 1
    with pytest.raises(MalformedManifestError, match=f"^line {line}, S: d='0'"):
        read_mpd(data)


_BOUNDED = """
import json, resource, runpy, sys
rows = runpy.run_path(sys.argv[1])
from manifests.errors import MalformedManifestError
from manifests.mpd.read import read_mpd
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
refused = []
for name in [*rows["ROWS"], *rows["RAW"]]:
    try:
        read_mpd(rows["hostile_data"](name))
    except MalformedManifestError:
        refused.append(name)
if sys.platform == "linux":  # where ru_maxrss begins with the peak of whoever started this process
    peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20)
print(json.dumps([refused, peak]))
"""

# The machine may be busy: an example that takes long is no failure.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits for a process by itself")
def test_all_hostile_manifests_together_stay_within_memory_and_processor_limits() -> None:
    """A process of its own reads them, which the system kills at 1 GiB of addresses or 60 s of processor time."""
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, __file__],
        capture_output=True,
        check=False,
        timeout=200,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    refused, peak_mib = json.loads(done.stdout)
    assert refused == [*ROWS, *RAW]
    assert peak_mib < 512


def test_as_many_segments_as_allowed_are_read() -> None:
    text = MODELS_MPD.read_text("utf-8")
    text = text.replace(_S, f'<S t="0" d="2" r="{MAX_SEGMENTS // 2 - 3 - 1}"/>')  # 2 rungs share them; 5 of sound
    text = text[: text.index("<SupplementalProperty")] + text[text.index("</SupplementalProperty>") + 23 :]
    p = read_mpd(text.encode())
    assert sum(len(r.segments) for r in (*p.video, *p.audio)) == MAX_SEGMENTS - 1


def test_many_tracks_over_many_segments_cost_no_more_than_the_bound_on_tracks() -> None:
    text = MODELS_MPD.read_text("utf-8")
    start, end = text.index("<nd:ModelTrack"), text.index("</nd:ModelTrack>") + 16
    with pytest.raises(MalformedManifestError, match="9 model tracks"):
        read_mpd((text[:start] + text[start:end] * 9 + text[end:]).encode())


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with a few bytes changed, removed, doubled or moved."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        at, length = draw(st.integers(0, len(changed) - 1)), draw(st.integers(1, 40))
        kind = draw(st.sampled_from(["byte", "digits", "cut", "double", "insert", "truncate"]))
        if kind == "byte":
            changed[at] = draw(st.integers(0, 255))
        elif kind == "digits":
            changed[at : at + 1] = draw(st.sampled_from([b"0", b"-1", b"9" * 19, b"9" * 40, b"4294967296", b"1e9"]))
        elif kind == "cut":
            del changed[at : at + length]
        elif kind == "double":
            changed[at:at] = changed[at : at + length]
        elif kind == "insert":
            changed[at:at] = draw(st.binary(max_size=4))
        elif at > 0:
            del changed[at:]
        if not changed:
            return b""
    return bytes(changed)


@UNHURRIED
@given(st.data())
def test_mutated_bytes_end_in_an_error_or_in_a_presentation_that_keeps_the_rules(data: st.DataObject) -> None:
    changed = data.draw(mutated(MODELS_MPD.read_bytes()))
    try:
        p = read_mpd(changed)
    except MalformedManifestError:
        return
    _assert_keeps_the_rules(p)


@pytest.mark.parametrize("stride", [7])
def test_no_truncation_is_read(stride: int) -> None:
    data = MODELS_MPD.read_bytes().rstrip()
    for length in range(0, len(data), stride):
        with pytest.raises(MalformedManifestError):
            read_mpd(data[:length])


def _assert_keeps_the_rules(p: Presentation) -> None:
    # Writing rounds gains and leaves a `model_problem` out; after that nothing changes any more.
    again = read_mpd(write_mpd(p))
    assert read_mpd(write_mpd(again)) == again
    assert [r.segments for r in again.video] == [r.segments for r in p.video]
    for r in (*p.video, *p.audio):
        assert r.segments and len({s.href for s in r.segments}) == len(r.segments)
    for rung in p.video:
        for track in rung.model_tracks:
            assert len(track.uses) == len(rung.segments)
            for n in track.uses:
                assert n is None or track.chain(n)[0].base is None
