"""Players that never heard of neudash follow the live view of a bundle, from one round of it into the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.served import Served

pytestmark = pytest.mark.slow

DEADLINE_S = 90
# The bundle is 4 s long: whoever plays for longer has gone from one Period into another.
FOLLOWED_S = 6


@pytest.mark.browser
@pytest.mark.parametrize("player", ["dashjs", "shaka"])
def test_a_browser_player_follows_the_live_view(
    player: str, served_with_models: Served, player_pages: str, browser_page: Callable[..., Any]
) -> None:
    mpd = quote(served_with_models.manifest_url.replace("manifest.mpd", "live.mpd"), safe="")
    page = browser_page(f"{player_pages}/play.html?player={player}&mpd={mpd}")
    # Frames, not the clock: a player may begin anywhere and jump to where it wants to be.
    followed = f"problems.length > 0 || video.getVideoPlaybackQuality().totalVideoFrames > {FOLLOWED_S * 24}"
    page.wait_for_function(followed, timeout=DEADLINE_S * 1000)
    problems = page.evaluate("problems")
    page.context.close()
    # `outcome` is not looked at: dash.js says that it has ended at the end of every Period.
    assert problems == []
    assert [record["path"] for record in served_with_models.requests() if int(str(record["status"])) >= 400] == []
