"""Players that never heard of neudash play a bundle with models to its end, from our server, and ask for no model."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from manifests.bundle import open_bundle
from manifests.names import playlist_href
from media.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served import Served

pytestmark = pytest.mark.slow

FRAMES = 96
DURATION_S = 4.0
DEADLINE_S = 120


def ffmpegs() -> list[str]:
    """Every ffmpeg there is here: ours, and the system's if that is another one."""
    found = [str(find_program("ffmpeg")), shutil.which("ffmpeg")]
    return list(dict.fromkeys(path for path in found if path))


def assert_no_model_was_asked_for(served: Served) -> None:
    assert served.count("model") == 0
    assert [record for record in served.requests() if int(str(record["status"])) >= 400] == []


def decoded_frames(program: str, url: str, stream: str) -> int:
    """Frames of one stream that an ffmpeg decodes. One at a time: 5.1 loses some at the end of all but the first."""
    command = [program, "-nostdin", "-v", "error", "-i", url, "-map", stream, "-f", "framecrc", "-"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    return sum(not line.startswith("#") for line in result.stdout.splitlines())


@pytest.mark.parametrize("program", ffmpegs(), ids=["ours", "the system's"][: len(ffmpegs())])
def test_ffmpeg_decodes_every_frame_of_every_rung(program: str, served_with_models: Served) -> None:
    url = served_with_models.manifest_url
    assert [decoded_frames(program, url, f"0:v:{rung}") for rung in (0, 1)] == [FRAMES, FRAMES]
    # Packets of 1024 samples, one more or less at the end.
    assert abs(decoded_frames(program, url, "0:a") - 48000 * DURATION_S / 1024) <= 2
    assert_no_model_was_asked_for(served_with_models)


@pytest.mark.parametrize("program", ffmpegs(), ids=["ours", "the system's"][: len(ffmpegs())])
def test_ffmpeg_plays_the_hls_playlists_too(program: str, served_with_models: Served, bundle_with_models: Path) -> None:
    lowest = open_bundle(bundle_with_models).presentation.video[0]
    url = served_with_models.manifest_url.replace("manifest.mpd", playlist_href(lowest.id))
    assert decoded_frames(program, url, "0:v") == FRAMES
    assert_no_model_was_asked_for(served_with_models)


@pytest.mark.skipif(shutil.which("gpac") is None, reason="gpac is not installed")
def test_gpac_plays_to_the_end(served_with_models: Served, tmp_path: Path) -> None:
    log = tmp_path / "packets.txt"
    command = ["gpac", "-i", served_with_models.manifest_url, f"inspect:deep:log={log}"]
    subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=True, stdin=subprocess.DEVNULL)
    packets = Counter(re.findall(r"^PID (\d+) PCK", log.read_text(), re.MULTILINE))
    assert FRAMES in packets.values()
    assert len(packets) == 2
    assert_no_model_was_asked_for(served_with_models)


@pytest.mark.browser
@pytest.mark.parametrize("player", ["dashjs", "shaka"])
def test_a_browser_player_plays_to_the_end(
    player: str,
    served_with_models: Served,
    player_pages: str,
    browser_page: Callable[..., Any],
    bundle_with_models: Path,
) -> None:
    mpd = quote(served_with_models.manifest_url, safe="")
    page = browser_page(f"{player_pages}/play.html?player={player}&mpd={mpd}")
    page.wait_for_function("window.outcome !== null", timeout=DEADLINE_S * 1000)
    outcome = page.evaluate("window.outcome")
    page.context.close()
    assert (outcome["how"], outcome["problems"]) == ("ended", [])
    assert outcome["at_s"] == pytest.approx(DURATION_S, abs=0.1)
    assert outcome["audio_bytes"] > 0
    assert outcome["frames"] > 0
    assert_no_model_was_asked_for(served_with_models)
    fetched = {
        str(record["path"]).rpartition("/")[2] for record in served_with_models.requests() if record["kind"] == "video"
    }
    segments = open_bundle(bundle_with_models).presentation.video[0].segments
    assert fetched >= {f"{segment.number:05d}.m4s" for segment in segments}
