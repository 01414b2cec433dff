"""The page goes on after lost seeks, lost devices and failed servers, or says why it cannot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.e2e.watching import ADAPTER, STATUS, TRICKLE, VIDEO, drawn, shown_at, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_where_the_library_begins_anew_all_is_as_the_viewer_left_it(
    watch: Callable[..., Any], served_with_subtitles: Served
) -> None:
    page = watch(served_with_subtitles, rung="enhanced")
    shown_at(page, 0.5)
    page.locator("neudash-player .captions").select_option("English")
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 20)
    page.evaluate(f"{VIDEO}.loop = true; void {VIDEO}.play()")
    page.evaluate(f"{ADAPTER}.reload()")
    until(page, f"!{VIDEO}.paused && {VIDEO}.readyState >= 3 && {STATUS}.rung.id === 'v180'", 20)
    said = "document.querySelector('neudash-player').shadowRoot.querySelector('.words').innerText.trim()"
    until(page, f"{said} === 'Good day'", 20)
    assert page.evaluate(f"{ADAPTER}.rungId") == "v180"


def test_where_it_cannot_begin_anew_it_says_so(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models)
    page.route("**/manifest.mpd", lambda route: route.fulfill(status=403))
    page.evaluate(f"{ADAPTER}.reload()")
    page.locator("neudash-player .message").get_by_text("the server cannot be reached, or refuses").wait_for()


def test_a_slow_network_is_no_lost_seek(watch: Callable[..., Any], served_with_models: Served) -> None:
    """A segment of the larger rung takes longer to come than a lost seek is waited for."""
    page = watch(served_with_models, TRICKLE)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 60)
    page.evaluate(f"""() => {{
      window.reloads = 0;
      {ADAPTER}.reload = async () => {{ window.reloads++; }};
      {VIDEO}.currentTime = 1.5;
    }}""")
    began_s = time.monotonic()
    until(page, f"!{VIDEO}.seeking", 60)
    assert time.monotonic() - began_s > 4.5
    assert page.evaluate("window.reloads") == 0


def test_a_seek_for_which_nothing_comes_is_begun_anew(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models)
    held: list[Any] = []
    page.route("**/v180-*/**", lambda route: held.append(route))
    page.evaluate(f"""() => {{
      window.reloads = 0;
      {ADAPTER}.reload = async () => {{ window.reloads++; }};
    }}""")
    page.locator("neudash-player .rung").select_option("v180")
    page.evaluate(f"{VIDEO}.currentTime = 3.5")
    until(page, "window.reloads === 1", 10)


LOSE = {
    "webgl2": "screen.canvas.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()",
    "webgpu": "screen.renderer.gpu.device.destroy()",
}


@pytest.mark.parametrize("renderer", sorted(LOSE))
def test_a_graphics_device_that_is_lost_while_paused_leaves_no_blank_picture(
    renderer: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, renderer=renderer)
    shown_at(page, 0.5)
    before, frames = drawn(page), page.evaluate(f"{STATUS}.framesEnhanced")
    page.evaluate(f"document.querySelector('neudash-player').inner.{LOSE[renderer]}")
    until(page, f"{STATUS}.framesEnhanced > {frames}", 10)
    assert page.locator("neudash-player canvas").count() == 1
    assert page.locator("neudash-player canvas").is_visible()
    assert all(map(np.array_equal, drawn(page), before))


def test_dashjs_says_what_is_wrong_once_and_as_exactly_as_it_can(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine="dashjs")
    page.route("**/none.mpd", lambda route: route.fulfill(status=404))
    page.evaluate("""() => {
      const player = document.querySelector("neudash-player");
      window.told = [];
      player.addEventListener("failed", ({ detail }) => told.push(detail));
      player.setAttribute("src", "/none.mpd");
    }""")
    until(page, "told.length > 0", 30)
    page.wait_for_timeout(500)
    (reason,) = page.evaluate("told")
    assert "none.mpd" in reason and "(dash.js " in reason


def test_what_was_said_to_fail_goes_when_it_plays_on(watch: Callable[..., Any], served_with_models: Served) -> None:
    page = watch(served_with_models, TRICKLE)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 60)
    page.evaluate("document.querySelector('neudash-player').fail('a segment is missing')")
    message = page.locator("neudash-player .message")
    assert message.is_visible()
    page.evaluate(f"void {VIDEO}.play()")
    message.wait_for(state="hidden", timeout=20_000)
    assert page.evaluate(f"{VIDEO}.currentTime") > 1


def test_a_manifest_that_is_refused_says_why_for_good(watch: Callable[..., Any], served_with_models: Served) -> None:
    def with_doctype(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<MPD", "<!DOCTYPE MPD><MPD", 1))

    page = watch(served_with_models, routes={"**/manifest.mpd": with_doctype}, rung="")
    until(page, f"{STATUS}.framesPlain > 0", 10)
    assert page.evaluate(STATUS)["reason"] == "the manifest has a DOCTYPE"


def test_it_survives_a_restart_of_the_server(
    watch: Callable[..., Any], bundle_with_models: Path, serve_root: Callable[..., Served]
) -> None:
    served = serve_root(bundle_with_models.parent)
    page = watch(served)
    shown_at(page, 0.5)
    port = int(served.manifest_url.split(":")[2].split("/")[0])
    served.stop()
    serve_root(bundle_with_models.parent, port)
    page.locator("neudash-player .rung").select_option("v180")
    until(page, f"{STATUS}.rung.id === 'v180'", 60)
    page.locator("neudash-player .rung").select_option("v90")
    shown_at(page, 2.5)
