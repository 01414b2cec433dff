"""The page in Firefox, which gives colours instead of planes away and has another clock for its pictures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.firefox import Firefox, firefox_path, running_firefox
from tests.e2e.striped import BIAS_LEVELS, Striped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLAYER = "document.querySelector('neudash-player')"
# Renderers are asked what they drew, picture by picture; -1: that one was plain.
RECORD = f"""(() => {{
  window.seen = [];
  {PLAYER}.addEventListener("frame", async () => {{
    if ({PLAYER}.status.state !== "enhanced") {{ seen.push(-1); return; }}
    const {{ y, width, height }} = await {PLAYER}.inner.readPlanes();
    seen.push(y[(height >> 1) * width + (width >> 1)]);
  }});
}})()"""
ENOUGH_FRAMES = 60


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    program = firefox_path()
    if program is None:
        pytest.skip("no Firefox is installed")
    profile = tmp_path / "profile"
    profile.mkdir()
    with running_firefox(program, profile) as started:
        yield started


def until(firefox: Firefox, expression: str, timeout_s: float) -> None:
    end_s = time.monotonic() + timeout_s
    while not firefox.evaluate(expression):
        told = firefox.evaluate(f"JSON.stringify({PLAYER}?.status ?? null)")
        assert time.monotonic() < end_s, f"never: {expression}; {told}"
        time.sleep(0.1)


def test_every_segment_is_enhanced_by_its_own_model(
    firefox: Firefox, striped: Striped, serve_root: Callable[[Path], Served], built_page: Path
) -> None:
    """Levels are right to one, for they are made again from colours; at a swap the clock may be a picture off."""
    served = serve_root(striped.root)
    server = served.manifest_url.partition("/bundles/")[0]
    firefox.go(f"{server}/?effort=always&rung=v36&autoplay=0#film")
    until(firefox, f"{PLAYER}?.status.state === 'enhanced'", 60)
    firefox.evaluate(RECORD)
    levels: list[int] = []
    nearest: list[int] = []
    passes = 0
    while passes < 6:  # a busy machine misses frames, and shows enough of them in the end
        passes += 1
        firefox.evaluate(f"{PLAYER}.video.currentTime = 0")
        firefox.evaluate(f"void {PLAYER}.video.play()")
        until(firefox, f"{PLAYER}.video.ended", 60)
        levels = [level for level in firefox.evaluate("seen") if level >= 0]
        nearest = [min(striped.levels, key=lambda right: abs(right - level)) for level in levels]
        if len(levels) >= ENOUGH_FRAMES and set(nearest) == striped.levels:
            break
    assert len(levels) >= ENOUGH_FRAMES
    assert set(nearest) == striped.levels
    apart = [abs(level - right) for level, right in zip(levels, nearest, strict=True)]
    wrong = [levels_apart for levels_apart in apart if levels_apart > 1]
    assert len(wrong) <= passes * (len(striped.levels) - 1)
    assert all(abs(levels_apart - BIAS_LEVELS) <= 1 for levels_apart in wrong)  # the neighbour's model, and no other
    fetched = [str(r["path"]).partition("/film/")[2] for r in served.requests() if r["kind"] == "model"]
    assert fetched == [*striped.model_hrefs]
    assert [complaint for complaint in firefox.complaints() if server in complaint] == []
