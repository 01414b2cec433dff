"""Players that never heard of neudash play a bundle to its end through the edge's nginx."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest

from manifests.bundle import open_bundle
from tests.server.edges import Edge, needs_nginx, running_edge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FRAMES = 96
DURATION_S = 4.0
DEADLINE_S = 120
MANIFEST = "/bundles/film/manifest.mpd"

pytestmark = [needs_nginx, pytest.mark.slow]


@pytest.fixture(scope="module")
def edge(bundle_with_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One for all players: what the first of them fetched, the others get from its cache."""
    with running_edge(bundle_with_models.parent, tmp_path_factory.mktemp("edge")) as made:
        yield made


def addresses(edge: Edge) -> dict[str, str]:
    return {"plain": edge.url + MANIFEST, "TLS": edge.tls_url + MANIFEST}


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the system has no ffmpeg; ours may lack TLS")
@pytest.mark.parametrize("way", ["plain", "TLS"])
def test_ffmpeg_decodes_every_frame_of_every_rung(edge: Edge, way: str) -> None:
    for rung in (0, 1):
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", addresses(edge)[way], "-map", f"0:v:{rung}"]
        said = subprocess.run(
            [*command, "-f", "framecrc", "-"], capture_output=True, text=True, timeout=DEADLINE_S, check=True
        ).stdout
        assert sum(not line.startswith("#") for line in said.splitlines()) == FRAMES
    assert edge.answered("model") == 0


@pytest.mark.skipif(shutil.which("cvlc") is None, reason="VLC is not installed")
def test_vlc_plays_to_the_end(edge: Edge, bundle_with_models: Path) -> None:
    # On a busy machine it drops pictures that come too late, at times all of them: then it plays once more.
    done = next((run for run in (_vlc(edge) for _ in range(3)) if "Received first picture" in run.stderr), None)
    assert done is not None, "VLC showed no picture in three tries"
    fetched = re.findall(r"Retrieving \S+/(video|audio)/\S+/(\d+)\.m4s", done.stderr)
    segments = open_bundle(bundle_with_models).presentation.video[0].segments
    assert set(fetched) == {(kind, f"{segment.number:05d}") for kind in ("video", "audio") for segment in segments}
    assert "EOF reached" in done.stderr
    assert re.findall(r"HTTP/1\.1 [45]\d\d", done.stderr) == []
    assert edge.answered("model") == 0


def _vlc(edge: Edge) -> subprocess.CompletedProcess[str]:
    """Plays the bundle by VLC without a screen, to its end."""
    # VLC refuses to run as root, and a certificate that nobody signed.
    options: dict[str, Any] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    command = ["cvlc", "--intf", "dummy", "--vout", "dummy", "--aout", "dummy", "--no-metadata-network-access"]
    return subprocess.run(
        [*command, "--play-and-exit", "-vv", edge.url + MANIFEST, "vlc://quit"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd="/",
        env={**os.environ, "HOME": "/"},
        check=True,
        **options,
    )


@pytest.mark.browser
@pytest.mark.parametrize("player", ["dashjs", "shaka"])
def test_a_browser_player_plays_to_the_end(
    player: str, edge: Edge, player_pages: str, browser_page: Callable[..., Any], bundle_with_models: Path
) -> None:
    mpd = quote(addresses(edge)["TLS"], safe="")
    # The certificate is one that nobody signed.
    page = browser_page(f"{player_pages}/play.html?player={player}&mpd={mpd}", ignore_https_errors=True)
    page.wait_for_function("window.outcome !== null", timeout=DEADLINE_S * 1000)
    outcome = page.evaluate("window.outcome")
    timings = page.evaluate("performance.getEntriesByType('resource').map((e) => [e.name, e.nextHopProtocol])")
    page.context.close()
    assert (outcome["how"], outcome["problems"]) == ("ended", [])
    assert outcome["at_s"] == pytest.approx(DURATION_S, abs=0.1)
    assert outcome["frames"] > 0
    protocols = {name.partition("?")[0]: protocol for name, protocol in timings if "/bundles/" in name}
    assert set(protocols.values()) == {"h2"}
    segments = open_bundle(bundle_with_models).presentation.video[0].segments
    assert {name.rpartition("/")[2] for name in protocols} >= {f"{segment.number:05d}.m4s" for segment in segments}
    assert edge.answered("model") == 0


def test_a_second_viewer_costs_the_servers_nothing(edge: Edge, bundle_with_models: Path) -> None:
    hrefs = [href for href in open_bundle(bundle_with_models).files() if href.endswith(".m4s")]
    for href in hrefs:
        assert httpx.get(f"{edge.url}/bundles/film/{href}").status_code == 200
    before = edge.answered("video") + edge.answered("audio")
    assert {httpx.get(f"{edge.tls_url}/bundles/film/{href}", verify=False).headers["x-cache"] for href in hrefs} == {
        "HIT"
    }
    assert edge.answered("video") + edge.answered("audio") == before
