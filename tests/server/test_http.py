"""Whole requests through the real server over a real socket."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from typing import TYPE_CHECKING

import httpx
import pytest

from manifests.names import MANIFEST, QUALITY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served_bundles import LiveServer

IMMUTABLE = "public, max-age=31536000, immutable"


def files_of(server: LiveServer, name: str) -> list[dict[str, object]]:
    return httpx.get(f"{server.url}/api/bundles/{name}").json()["files"]


@pytest.mark.parametrize("name", ["tiny", "shows/pilot"])
def test_every_listed_file_arrives_whole_with_its_hash_as_tag(tiny_server: LiveServer, name: str) -> None:
    with httpx.Client(base_url=tiny_server.url, headers={"Accept-Encoding": "identity"}) as client:
        for file in files_of(tiny_server, name):
            answer = client.get(str(file["url"]))
            on_disk = (tiny_server.root / str(file["url"]).removeprefix("/bundles/")).read_bytes()
            assert answer.status_code == 200
            assert answer.content == on_disk
            assert answer.headers["etag"] == f'"{hashlib.sha256(on_disk).hexdigest()}"'
            assert answer.headers["content-type"] == file["media_type"]
            assert len(on_disk) == file["bytes"]


@pytest.mark.parametrize("name", ["manifest.mpd", "master.m3u8", "quality.json"])
def test_text_is_packed_for_who_takes_it(tiny_server: LiveServer, name: str) -> None:
    url = f"{tiny_server.url}/bundles/tiny/{name}"
    on_disk = (tiny_server.root / "tiny" / name).read_bytes()
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"})
    with httpx.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as answer:
        sent = b"".join(answer.iter_raw())
    if len(gzip.compress(on_disk, 9)) < len(on_disk):
        assert answer.headers["content-encoding"] == "gzip"
        assert len(sent) == int(answer.headers["content-length"]) < len(on_disk)
        assert gzip.decompress(sent) == on_disk
        assert answer.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert answer.headers["etag"] != plain.headers["etag"]
        again = httpx.get(url, headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    else:
        assert "content-encoding" not in answer.headers
    assert plain.content == on_disk


def test_what_is_packed_changes_with_its_file(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    manifest = make_bundle(tmp_path / "root" / "b") / "manifest.mpd"
    url = f"{serve_folder(tmp_path / 'root').url}/bundles/b/manifest.mpd"
    httpx.get(url)
    manifest.write_bytes(manifest.read_bytes() + b"<!-- more -->\n")
    answer = httpx.get(url)
    assert answer.headers["content-encoding"] in ("gzip", "br")
    assert answer.content == manifest.read_bytes()


@pytest.mark.parametrize(
    ("path", "media_type", "cache"),
    [
        ("manifest.mpd", "application/dash+xml", "public, max-age=5"),
        ("master.m3u8", "application/vnd.apple.mpegurl", "public, max-age=5"),
        ("video/v180/init.mp4", "video/mp4", IMMUTABLE),
        ("video/v180/00001.m4s", "video/mp4", IMMUTABLE),
        ("audio/a1/00002.m4s", "audio/mp4", IMMUTABLE),
        ("poster.jpg", "image/jpeg", "public, max-age=5"),
        ("quality.json", "application/json", "public, max-age=5"),
        ("report.html", "text/html; charset=utf-8", "public, max-age=5"),
    ],
)
def test_types_and_caching_follow_the_kind_of_file(
    tiny_server: LiveServer, path: str, media_type: str, cache: str
) -> None:
    answer = httpx.head(f"{tiny_server.url}/bundles/tiny/{path}")
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == cache
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_report_runs_its_own_script_and_reaches_nothing(tiny_server: LiveServer) -> None:
    """Whoever made the bundle wrote it: it must not act as the page of the server."""
    policy = httpx.get(f"{tiny_server.url}/bundles/tiny/report.html").headers["content-security-policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";")}
    assert directives["sandbox"] == ["allow-scripts"]
    assert directives["default-src"] == ["'none'"]
    assert "connect-src" not in directives
    assert "content-security-policy" not in httpx.get(f"{tiny_server.url}/bundles/tiny/poster.jpg").headers


def test_head_says_what_get_would_and_sends_nothing(tiny_server: LiveServer) -> None:
    url = f"{tiny_server.url}/bundles/tiny/video/v360/00001.m4s"
    head, get = httpx.head(url), httpx.get(url)
    assert head.content == b""
    for name in ("content-length", "etag", "content-type", "cache-control", "accept-ranges"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1048570-2097160", 1048570, 2097161),
        ("bytes=-7", 2999993, 3000000),
        ("bytes=2999999-", 2999999, 3000000),
    ],
)
def test_a_range_is_that_part_of_the_file(tiny_server: LiveServer, asked: str, start: int, stop: int) -> None:
    href = "tiny/video/v360/00002.m4s"
    answer = httpx.get(f"{tiny_server.url}/bundles/{href}", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == (tiny_server.root / href).read_bytes()[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/3000000"


def test_one_connection_survives_every_kind_of_answer(tiny_server: LiveServer) -> None:
    """A wrong length anywhere would shift the answers that follow on the same connection."""
    url = "/bundles/tiny/video/v180/00001.m4s"
    with httpx.Client(base_url=tiny_server.url) as client:
        whole = client.get(url)
        tag = whole.headers["etag"]
        answers = [
            client.get(url, headers={"Range": "bytes=5000-"}),
            client.get(url, headers={"If-None-Match": tag}),
            client.head(url),
            client.get(url, headers={"Range": "bytes=1-2", "If-Range": '"old"'}),
            client.get("/bundles/tiny/none"),
            client.options(url),
            client.post(url),
            client.get(url, headers={"Range": "bytes=0-1,3-4"}),
        ]
    assert [answer.status_code for answer in answers] == [416, 304, 200, 200, 404, 204, 405, 200]
    assert answers[3].content == answers[-1].content == whole.content
    assert answers[0].content == b""


@pytest.mark.parametrize(
    "path",
    [f"/bundles/tiny/{MANIFEST}", "/bundles/tiny/video/v180/00001.m4s", "/bundles/none", "/api/bundles", "/", "/x"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_method_that_is_not_allowed_is_answered_with_all_that_are(
    tiny_server: LiveServer, path: str, method: str
) -> None:
    answer = httpx.request(method, tiny_server.url + path)
    assert answer.status_code in (404, 405)
    if answer.status_code == 405:
        assert answer.headers.get_list("allow") == ["GET, HEAD, OPTIONS"]


@pytest.mark.parametrize("path", [f"/bundles/tiny/{MANIFEST}", "/bundles/tiny/video/v180/00001.m4s"])
def test_if_match_of_another_version_is_412_on_the_wire(tiny_server: LiveServer, path: str) -> None:
    with httpx.Client(base_url=tiny_server.url, headers={"Accept-Encoding": "identity"}) as client:
        tag = client.get(path).headers["etag"]
        answers = [
            client.get(path, headers={"If-Match": '"another"'}),
            client.get(path, headers={"If-Match": tag}),
            client.head(path, headers={"If-Match": '"another"'}),
            client.get(path, headers={"If-Match": tag, "Range": "bytes=0-3"}),
        ]
    assert [answer.status_code for answer in answers] == [412, 200, 412, 206]
    assert answers[0].content == b""


def test_a_preflight_allows_what_players_send(tiny_server: LiveServer) -> None:
    asked = {
        "Origin": "https://player.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range",
    }
    answer = httpx.options(f"{tiny_server.url}/bundles/tiny/{MANIFEST}", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Range" in answer.headers["access-control-allow-headers"]
    assert "GET" in answer.headers["access-control-allow-methods"]


def test_the_api_too_can_be_read_from_another_host(tiny_server: LiveServer) -> None:
    answer = httpx.get(f"{tiny_server.url}/api/bundles")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_catalogue_tells_rungs_models_and_bytes(tiny_server: LiveServer) -> None:
    catalogue = httpx.get(f"{tiny_server.url}/api/bundles").json()
    assert [bundle["name"] for bundle in catalogue["bundles"]] == ["shows/pilot", "tiny"]
    assert catalogue["broken"] == []
    tiny = catalogue["bundles"][1]
    assert tiny["manifest_url"] == "/bundles/tiny/manifest.mpd"
    assert tiny["poster_url"] == "/bundles/tiny/poster.jpg"
    assert tiny["report_url"] == "/bundles/tiny/report.html"
    assert tiny["duration_s"] == 4.0
    assert [rung["id"] for rung in tiny["rungs"]] == ["v180", "v360"]
    (models,) = tiny["rungs"][0]["models"]
    assert models == {"network": "c8d2", "width": 640, "height": 360, "files": 1, "bytes": 1027, "segments": 1}
    assert tiny["bytes"]["model"] == 1027
    assert tiny["bytes"]["video"] == 2 * (5000 + 3_000_000) + 2 * len(b"init of v180")


def test_an_unknown_bundle_is_404(tiny_server: LiveServer) -> None:
    assert httpx.get(f"{tiny_server.url}/api/bundles/nothing").status_code == 404


def test_a_file_that_is_not_listed_is_404(tiny_server: LiveServer) -> None:
    assert httpx.get(f"{tiny_server.url}/bundles/tiny/video/v180/00009.m4s").status_code == 404


def test_the_sources_of_the_page_are_not_served(tiny_server: LiveServer) -> None:
    page = httpx.get(tiny_server.url)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for path in ("web/package.json", "package.json", "page/index.html", "routes.py", "assets/"):
        assert httpx.get(f"{tiny_server.url}/{path}").status_code == 404


def test_bundles_come_change_and_go_without_a_restart(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    root = tmp_path / "root"
    make_bundle(root / "first")
    server = serve_folder(root)

    def titles() -> dict[str, str]:
        bundles = httpx.get(f"{server.url}/api/bundles").json()["bundles"]
        return {bundle["name"]: bundle["title"] for bundle in bundles}

    assert titles() == {"first": "Tiny"}
    make_bundle(root / "second", title="New")
    assert titles() == {"first": "Tiny", "second": "New"}
    old = httpx.get(f"{server.url}/bundles/first/{MANIFEST}")
    replace(root / "first" / MANIFEST, old.content.replace(b"Tiny", b"Told"))
    assert titles()["first"] == "Told"
    fresh = httpx.get(old.url, headers={"If-None-Match": old.headers["etag"]})
    assert fresh.status_code == 200
    assert b"Told" in fresh.content
    (root / "second" / MANIFEST).unlink()
    assert titles() == {"first": "Told"}
    assert httpx.get(f"{server.url}/bundles/second/poster.jpg").status_code == 404


def test_a_report_written_later_is_served(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    bundle = make_bundle(tmp_path / "root" / "first")
    (bundle / QUALITY).unlink()
    server = serve_folder(tmp_path / "root")
    url = f"{server.url}/bundles/first/{QUALITY}"
    assert httpx.get(url).status_code == 404
    replace(bundle / QUALITY, b'{"version":1}')
    assert httpx.get(url).json() == {"version": 1}


def test_a_changed_file_gets_a_new_tag_and_a_lost_one_is_404(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    bundle = make_bundle(tmp_path / "root" / "first")
    server = serve_folder(tmp_path / "root")
    model = next((bundle / "models").iterdir())
    url = f"{server.url}/bundles/first/models/{model.name}"
    before = httpx.get(url)
    replace(model, b"flipped" + before.content[7:])
    after = httpx.get(url)
    assert after.headers["etag"] == f'"{hashlib.sha256(after.content).hexdigest()}"' != before.headers["etag"]
    model.unlink()
    assert httpx.get(url).status_code == 404


def test_a_broken_bundle_is_reported_and_the_others_are_served(
    tmp_path: Path, make_bundle: Callable[..., Path], serve_folder: Callable[[Path], LiveServer]
) -> None:
    root = tmp_path / "root"
    make_bundle(root / "good")
    make_bundle(root / "bad")
    (root / "bad" / MANIFEST).write_bytes(b"<MPD")
    server = serve_folder(root)
    catalogue = httpx.get(f"{server.url}/api/bundles").json()
    assert [bundle["name"] for bundle in catalogue["bundles"]] == ["good"]
    assert [broken["name"] for broken in catalogue["broken"]] == ["bad"]
    assert str(tmp_path) not in json.dumps(catalogue)
    assert httpx.get(f"{server.url}/bundles/bad/{MANIFEST}").status_code == 404


def replace(path: Path, data: bytes) -> None:
    """Replaces a file as publishing does: a temporary name, then a rename."""
    temporary = path.with_name("." + path.name)
    temporary.write_bytes(data)
    os.replace(temporary, path)


@pytest.mark.parametrize("path", ["/", "/api/bundles", "/metrics", "/readyz", "/nothing-here"])
def test_head_is_get_without_its_body_for_what_is_no_file_too(tiny_server: LiveServer, path: str) -> None:
    with httpx.Client(base_url=tiny_server.url, headers={"Accept-Encoding": "identity"}) as client:
        head, got = client.head(path), client.get(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("content-type", "etag"):
        assert head.headers.get(name) == got.headers.get(name)
    if path != "/metrics":
        assert int(head.headers["content-length"]) == len(got.content)
