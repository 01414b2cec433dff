"""The player as an element of any page: another film, its removal, its buttons, and a page from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.watching import ENHANCED, STATUS, VIDEO, is_complaint, shown_at, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_another_film_does_not_wait_for_one_that_never_comes(
    engine: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine=engine)
    page.route("**/never.mpd", lambda route: None)
    player = "document.querySelector('neudash-player')"
    page.evaluate(f"{player}.setAttribute('src', '/never.mpd')")
    page.wait_for_timeout(500)
    page.evaluate(f"""() => {{
      const {{ adapter }} = {player}, destroy = adapter.destroy.bind(adapter);
      adapter.destroy = () => destroy().then(() => Promise.reject(new Error("it did not end well")));
    }}""")
    page.evaluate(f"{player}.setAttribute('src', '{served_with_models.manifest_url}')")
    until(page, f"{VIDEO}.readyState >= 2 && {ENHANCED}", 20)


@pytest.mark.parametrize("engine", ["shaka", "dashjs"])
def test_a_player_that_was_removed_plays_no_more(
    engine: str, watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, engine=engine, effort="off")
    page.route("**/late.mpd", lambda route: None)
    page.evaluate("""url => {
      window.removed = document.querySelector("neudash-player");
      removed.toggleAttribute("autoplay", true);
      removed.video.play = async () => { window.played = true; };
      removed.setAttribute("src", "/late.mpd");
    }""")
    page.wait_for_timeout(500)
    page.evaluate("removed.remove()")
    page.evaluate("void removed.loading.then(() => { window.isOver = true; })")
    until(page, "window.isOver", 5)
    assert page.evaluate("[removed.adapter, removed.inner, window.played ?? null]") == [None, None, None]


def test_the_button_says_whether_it_enhances_from_the_start_and_with_another_film(
    watch: Callable[..., Any], served_with_models: Served
) -> None:
    page = watch(served_with_models, effort="off")
    button = page.locator("neudash-player .enhance")
    assert button.get_attribute("aria-pressed") == "false"
    page.locator("neudash-player").press("e")
    assert button.get_attribute("aria-pressed") == "true"
    until(page, ENHANCED, 10)
    button.click()
    again = f"document.querySelector('neudash-player').setAttribute('src', '{served_with_models.manifest_url}')"
    page.evaluate(again)
    until(page, f"{STATUS}.reason === 'it is switched off' && {VIDEO}.readyState >= 2", 20)
    assert button.get_attribute("aria-pressed") == "false"


EMBEDDING = """<!doctype html><title>Somebody's page</title><link rel="icon" href="data:,">
<script type="module" src="{server}/neudash-player.js"></script>
<neudash-player src="{manifest}" rung="v90" effort="always" muted></neudash-player>"""


def test_a_page_from_elsewhere_embeds_it(
    browser_page: Callable[..., Any],
    served_with_models: Served,
    built_page: Path,
    their_page: Callable[[str], str],
    complaints: list[str],
) -> None:
    """Script, kernel, workers, manifest and models all come from another origin than the page."""
    manifest = served_with_models.manifest_url
    page = browser_page("about:blank")
    page.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(their_page(EMBEDDING.format(server=manifest.partition("/bundles/")[0], manifest=manifest)))
    until(page, "(document.querySelector('neudash-player')?.video?.readyState ?? 0) >= 2", 30)
    assert shown_at(page, 0.5)["model"]["network"] == "c8d2"
    assert complaints == []
    page.context.close()
