"""Operators' part of the server: metrics, CMCD, tokens, rates, other hosts, the live view."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from prometheus_client.parser import text_string_to_metric_families

from manifests.bundle import open_bundle
from server.access import Gate, sign
from server.cli import main
from server.cmcd import Reports, parse_cmcd, texts_of
from server.generated_manifests import live_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.served_bundles import LiveServer

pytestmark = pytest.mark.slow

MPD = "{urn:mpeg:dash:schema:mpd:2011}"
SECRET = "a secret of the tests"


@pytest.fixture
def serve(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[..., LiveServer]
) -> Callable[..., LiveServer]:
    """Starts a server over the bundles `b` and `own/c` with further settings."""
    make_bundle(tmp_path / "root" / "b")
    make_bundle(tmp_path / "root" / "own" / "c")
    return lambda **settings: serve_folder(tmp_path / "root", None, **settings)


def samples(server: LiveServer) -> dict[tuple[str, ...], float]:
    text = httpx.get(f"{server.url}/metrics").text
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_prometheus_reads_requests_bytes_and_times_by_bundle_and_kind(serve: Callable[..., LiveServer]) -> None:
    server = serve(rescan_s=1000.0)
    with httpx.Client(base_url=server.url) as client:
        for _ in range(3):
            client.get("/bundles/b/video/v180/00001.m4s")
        client.get("/bundles/own/c/audio/a1/00001.m4s", headers={"Range": "bytes=0-99"})
        client.get("/bundles/b/none")
        found = samples(server)
    assert found["neudash_requests_total", "b", "video"] == 3
    assert found["neudash_sent_bytes_total", "b", "video"] == 15000
    assert found["neudash_sent_bytes_total", "own/c", "audio"] == 100
    assert found["neudash_responses_total", "206"] == 1
    assert found["neudash_responses_total", "404"] == 1
    assert found["neudash_response_seconds_bucket", "+Inf"] == found[("neudash_response_seconds_count",)] == 4
    assert found[("neudash_connections",)] >= 1


@pytest.mark.parametrize("way", ["query", "header"])
def test_what_a_player_tells_is_in_sessions_metrics_and_log(
    tmp_path: Path, serve: Callable[..., LiveServer], serve_folder: Callable[..., LiveServer], way: str
) -> None:
    serve(rescan_s=1000.0)
    server = serve_folder(tmp_path / "root", tmp_path / "log", rescan_s=1000.0)
    text = 'bl=2300,br=1800,bs,neudash-model="v180-c8d2",sid="one \\"1\\""'
    query = f"?CMCD={quote(text)}" if way == "query" else ""
    headers = {"CMCD-Status": text} if way == "header" else {}
    for _ in range(2):
        httpx.get(f"{server.url}/bundles/b/video/v180/00001.m4s{query}", headers=headers)
    told = httpx.get(f"{server.url}/api/sessions").json()["sessions"]['one "1"']
    del told["seen_at_s"]
    assert told == {"requests": 2, "stalls": 2, "buffer_ms": 2300, "bitrate_kbps": 1800, "model": "v180-c8d2"}
    found = samples(server)
    assert found[("neudash_player_stalls_total",)] == found[("neudash_player_enhanced_total",)] == 2
    assert found["neudash_player_buffer_seconds_bucket", "5.0"] == 2
    assert found["neudash_player_buffer_seconds_bucket", "2.0"] == 0
    line = server.log_records()[0]
    assert line["cmcd"] == {"bl": 2300, "br": 1800, "bs": True, "neudash-model": "v180-c8d2", "sid": 'one "1"'}


def test_a_direct_answer_hears_the_player_too(serve: Callable[..., LiveServer]) -> None:
    server = serve(rescan_s=1000.0)
    for _ in range(3):
        httpx.get(f"{server.url}/bundles/b/video/v180/00001.m4s?CMCD=sid%3D%22x%22%2Cbl%3D100")
    assert httpx.get(f"{server.url}/api/sessions").json()["sessions"]["x"]["requests"] == 3


@given(st.text(max_size=300))
def test_any_cmcd_can_be_read(text: str) -> None:
    told = parse_cmcd(text)
    assert all(str(value).isprintable() for value in told.values())
    assert parse_cmcd(*texts_of(b"a=b&CMCD=" + quote(text).encode(), [])) == told or len(quote(text)) > 2000


def test_a_flood_of_reports_is_counted_and_dropped() -> None:
    reports = Reports()
    for number in range(12_000):
        reports.note(b"CMCD=sid%%3D%%22%d%%22" % number, [])
    reports.digest()
    assert reports.dropped == 2000
    assert len(reports.sessions) == 1000


def test_a_request_keeps_the_name_that_the_edge_gave_it(serve: Callable[..., LiveServer]) -> None:
    server = serve()
    given_id = httpx.get(f"{server.url}/healthz", headers={"X-Request-Id": "edge-17"}).headers["x-request-id"]
    forged = httpx.get(f"{server.url}/healthz", headers={"X-Request-Id": 'a"b c'}).headers["x-request-id"]
    assert given_id == "edge-17"
    assert re.fullmatch(r"[0-9a-f]+-[0-9a-f]+", forged)


def test_a_server_whose_folder_is_gone_is_not_ready(tmp_path: Path, serve: Callable[..., LiveServer]) -> None:
    server = serve()
    assert httpx.get(f"{server.url}/readyz").json()["status"] == "ready"
    (tmp_path / "root").rename(tmp_path / "gone")
    assert httpx.get(f"{server.url}/readyz").status_code == 503
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_private_bundle_opens_to_its_token_alone(serve: Callable[..., LiveServer]) -> None:
    server = serve(private=("own",), secret=SECRET, rescan_s=1000.0)
    href = "own/c/video/v180/00001.m4s"
    token, other, forged = sign(SECRET, "own"), sign(SECRET, "b"), sign("another secret", "own")

    def status(path: str, **headers: str) -> int:
        return httpx.get(f"{server.url}/bundles/{path}", headers=headers).status_code

    assert status("b/video/v180/00001.m4s") == 200
    for _ in range(2):
        assert [status(href), status(f"~{other}/{href}"), status(f"~{forged}/{href}")] == [401, 401, 401]
        assert status(href, Authorization=f"Bearer {token}") == 200
        assert status(href, Authorization=f"Bearer {SECRET}") == 200
        assert status(f"~{token}/{href}") == 200
    assert status("own/c/live.mpd") == 401
    assert status(f"~{token}/own/c/live.mpd") == 200
    # An encoded `/` in a token must not move what is judged away from what is sent, held open or not.
    for forgery in (f"~x%2Fb/{href}", f"~x%2fb%2f/{href}", f"~%2F/{href}", f"~{other}%2Fb/{href}"):
        assert status(forgery) == 401
    opened = httpx.get(f"{server.url}/bundles/~{token}/{href}")
    assert opened.headers["cache-control"] == "private, max-age=31536000, immutable"
    listed = httpx.get(f"{server.url}/api/bundles").json()["bundles"]
    assert [bundle["name"] for bundle in listed] == ["b"]
    assert httpx.get(f"{server.url}/api/bundles/own/c").status_code == 404
    labels = httpx.get(f"{server.url}/metrics").text
    assert 'bundle="b"' in labels and 'bundle="private"' in labels and "own" not in labels


def test_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(private=("own",), secret=SECRET, token_hours=1)
    path = f"/bundles/~{sign(SECRET, 'own')}/own/c/manifest.mpd"

    def refused() -> bool:
        scope = {"path": path, "raw_path": path.encode(), "headers": [], "client": ("1.2.3.4", 5)}
        return gate.refusal(scope) is not None

    assert not refused()
    now_s = time.time()
    monkeypatch.setattr(time, "time", lambda: now_s + 3700)
    assert refused()


def test_the_command_prints_a_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("NEUDASH_SERVER_SECRET", SECRET)
    assert main(["films", "--token", "own"]) == 0
    gate = Gate(private=("own",), secret=SECRET)
    path = f"/bundles/~{capsys.readouterr().out.strip()}/own/c/manifest.mpd"
    scope = {"path": path, "raw_path": path.encode(), "headers": [], "client": None}
    assert gate.refusal(scope) is None
    assert scope["path"] == "/bundles/own/c/manifest.mpd"
    monkeypatch.setenv("NEUDASH_SERVER_SECRET", "short")
    assert main(["films", "--private", "own"]) == 1


def test_who_asks_too_often_waits() -> None:
    now_s = 0.0
    gate = Gate(requests_per_s=10, now_s=lambda: now_s)

    def refused(client: str) -> bool:
        return gate.refusal({"path": "/", "raw_path": b"/", "headers": [], "client": (client, 1)}) is not None

    assert [refused("a") for _ in range(21)] == [False] * 20 + [True]
    assert not refused("b")
    now_s = 0.5
    assert [refused("a") for _ in range(6)] == [False] * 5 + [True]


def test_a_manifest_names_other_hosts_where_it_is_told_to(serve: Callable[..., LiveServer]) -> None:
    server = serve(base_urls=("https://one.example/", "https://two.example/films/"))
    answer = httpx.get(f"{server.url}/bundles/own/c/manifest.mpd")
    again = httpx.get(answer.url, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    bases = [base.text for base in etree.fromstring(answer.content).findall(f"{MPD}BaseURL")]
    assert bases == ["https://one.example/bundles/own/c/", "https://two.example/films/bundles/own/c/", "./"]
    untouched = (server.root / "own/c/manifest.mpd").read_bytes()
    assert b"BaseURL" not in untouched


@pytest.mark.parametrize("now", ["1700000000", "1700000002.5", "1700000003.999", "3"])
def test_the_live_view_lists_what_is_over_and_nothing_else(serve: Callable[..., LiveServer], now: str) -> None:
    server = serve()
    answer = httpx.get(f"{server.url}/bundles/b/live.mpd?now={now}")
    assert answer.headers["content-type"] == "application/dash+xml"
    assert answer.headers["cache-control"] == "no-store"
    root = etree.fromstring(answer.content)
    assert root.get("type") == "dynamic"
    ends = []
    for period in root.findall(f"{MPD}Period"):
        start_s = Fraction(period.get("start").removeprefix("PT").removesuffix("S"))
        count = sum(int(s.get("r", 0)) + 1 for s in period.find(f".//{MPD}SegmentTimeline"))
        ends.append(start_s + 2 * count)
    assert ends[-1] <= Fraction(now) < ends[-1] + 2
    assert len(ends) == len(set(ends)) <= 17
    for template in root.iter(f"{MPD}SegmentTemplate"):
        assert "/" in template.get("media")


def test_the_live_view_of_a_clock_that_goes_on(serve: Callable[..., LiveServer]) -> None:
    server = serve()
    url = httpx.URL(f"{server.url}/bundles/own/c/live.mpd")
    timing = etree.fromstring(httpx.get(url).content).find(f"{MPD}UTCTiming")
    told = httpx.get(url.join(timing.get("value"))).text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told)
    for bad in ("x", "-1", "9" * 30, "1e9", "nan"):
        assert httpx.get(url, params={"now": bad}).status_code == 404


def test_the_live_view_of_a_private_bundle_knows_the_time(serve: Callable[..., LiveServer]) -> None:
    server = serve(private=("own",), secret=SECRET)
    url = httpx.URL(f"{server.url}/bundles/~{sign(SECRET, 'own')}/own/c/live.mpd")
    timing = etree.fromstring(httpx.get(url).content).find(f"{MPD}UTCTiming")
    assert httpx.get(url.join(timing.get("value"))).status_code == 200


@given(st.fractions(min_value=0, max_value=4_000_000_000))
def test_any_moment_has_a_live_view(tiny_library: Path, now_s: Fraction) -> None:
    presentation = open_bundle(tiny_library / "tiny").presentation
    assert live_manifest(presentation, now_s, None).count(b"<Period") <= 17


@contextlib.contextmanager
def two_workers(root: Path) -> Iterator[tuple[str, int]]:
    """The address of a server, and its parent process, which must end well when it is asked to."""
    command = [sys.executable, "-m", "server", str(root), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().partition("/bundles/")[0], process.pid
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_a_worker_that_stood_still_for_a_while_is_not_replaced(tiny_library: Path) -> None:
    with two_workers(tiny_library) as (base, _):
        worker = httpx.get(f"{base}/api/metrics", timeout=30).json()["process_id"]
        os.kill(worker, signal.SIGSTOP)
        time.sleep(7)  # uvicorn's own patience ends after 5
        os.kill(worker, signal.SIGCONT)
        time.sleep(1)
        os.kill(worker, 0)


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_totals_of_workers_add_up_and_survive_a_killed_one(tiny_library: Path) -> None:
    with two_workers(tiny_library) as (base, parent):
        url = f"{base}/bundles/tiny/video/v180/00001.m4s"
        for _ in range(20):
            assert httpx.get(url, timeout=30).status_code == 200
        workers = {httpx.get(f"{base}/api/metrics").json()["process_id"] for _ in range(20)}
        assert parent not in workers

        def requests() -> float:
            families = text_string_to_metric_families(httpx.get(f"{base}/metrics", timeout=30).text)
            return sum(
                s.value
                for f in families
                for s in f.samples
                if s.name == "neudash_requests_total" and s.labels["kind"] == "video"
            )

        until_s = time.monotonic() + 20
        while requests() < 20 and time.monotonic() < until_s:
            time.sleep(0.2)
        assert {requests() for _ in range(20)} == {20}  # whichever of the two is asked
        os.kill(workers.pop(), signal.SIGKILL)
        until_s = time.monotonic() + 30
        total = 0.0
        while time.monotonic() < until_s and total < 20:
            time.sleep(0.2)
            with contextlib.suppress(httpx.HTTPError):
                total = requests()
        assert total == 20
