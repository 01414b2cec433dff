"""A real bundle with a table of models, the real server over it, and players that know nothing of either."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import subprocess
import threading
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from manifests.bundle import open_bundle, publish_manifest
from manifests.files import publish_file
from manifests.model import ModelFile, ModelTrack, Presentation, Representation, TextTrack
from manifests.names import model_href, text_href
from tests.e2e.striped import Striped, striped_bundle
from tests.e2e.watching import GOLDEN_MODEL, is_complaint, until
from tests.support.served import Served, serving
from web.build import NodeMissingError, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.media import MakeVideo

BROWSER = Path(__file__).parent / "browser"


def with_models(p: Presentation, model: bytes) -> Presentation:
    """`p` with one model for every other segment of its lowest rung, and a second track of an unknown network."""
    file = ModelFile(1, model_href(model), len(model), sha256(model).hexdigest(), gain_db=0.5)
    lowest = p.video[0]
    uses = tuple(1 if index % 2 == 0 else None for index in range(len(lowest.segments)))
    known = ModelTrack("known", "c8d2", 2, 1300, 1, 1000, "ndm/1", (file,), uses)
    unknown = replace(known, id="unknown", network="z9", format="ndm/9", rank=2)

    def changed(r: Representation) -> Representation:
        return replace(r, model_tracks=(known, unknown)) if r.id == lowest.id else r

    sets = (replace(s, representations=tuple(map(changed, s.representations))) for s in p.adaptation_sets)
    return replace(p, adaptation_sets=tuple(sets))


@pytest.fixture(scope="session")
def bundle_with_models(packaged_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`packaged_bundle` with a table of models; the folder above it is a ROOT."""
    root = tmp_path_factory.mktemp("served") / "film"
    shutil.copytree(packaged_bundle, root)
    model = GOLDEN_MODEL.read_bytes()
    publish_file(root / model_href(model), model)
    publish_manifest(root, with_models(open_bundle(root).presentation, model))
    assert b"ModelTrack" in (root / "manifest.mpd").read_bytes()
    return root


@pytest.fixture(scope="session")
def striped(make_video: MakeVideo, tmp_path_factory: pytest.TempPathFactory) -> Striped:
    """See `striped_bundle`."""
    return striped_bundle(tmp_path_factory.mktemp("striped"), make_video)


@pytest.fixture
def served_with_models(bundle_with_models: Path, tmp_path: Path) -> Iterator[Served]:
    """A server of its own for each test, so that its log holds the requests of one player alone."""
    with serving(bundle_with_models.parent, tmp_path / "access.jsonl") as served:
        yield served


@pytest.fixture
def serve_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Serves a folder, on a port if one is given, until the test ends."""
    with contextlib.ExitStack() as running:

        def served(root: Path, port: int = 0) -> Served:
            log = tmp_path_factory.mktemp("log") / "access.jsonl"
            return running.enter_context(serving(root, log, port))

        yield served


@pytest.fixture
def served_with_subtitles(bundle_with_models: Path, serve_root: Callable[..., Served], tmp_path: Path) -> Served:
    """German and English, by turns of half a second."""
    root = tmp_path / "library" / "film"
    shutil.copytree(bundle_with_models, root)
    tracks = []
    for number, (language, word) in enumerate((("de", "Guten <i>Tag</i> &amp; mehr"), ("en", "Good day")), start=1):
        webvtt = f"WEBVTT\n\n00:00.000 --> 00:01.000\n{word}\n\n00:01.000 --> 00:02.000\nsecond\n".encode()
        publish_file(root / text_href(webvtt), webvtt)
        tracks.append(TextTrack(f"t{number}", text_href(webvtt), 300, language))
    publish_manifest(root, replace(open_bundle(root).presentation, text=tuple(tracks)))
    return serve_root(root.parent)


@pytest.fixture(scope="session")
def player_pages() -> Iterator[str]:
    """Address of the folder `browser`, players installed, on another origin than any bundle."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: no dash.js, no Shaka")
    installed = BROWSER / "node_modules" / ".package-lock.json"
    wanted = BROWSER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        command = [shutil.which("npm") or "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        result = subprocess.run(command, cwd=BROWSER, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            pytest.skip(f"npm cannot install the players: {result.stderr.strip()[-300:]}")
    with static_pages(BROWSER) as address:
        yield address


@contextlib.contextmanager
def static_pages(folder: Path) -> Iterator[str]:
    """Address of a server of files that knows nothing of bundles."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def their_page(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Puts HTML on an origin of its own and returns its address."""
    with static_pages(tmp_path) as address:

        def put(html: str) -> str:
            (tmp_path / "theirs.html").write_text(html)
            return f"{address}/theirs.html"

        yield put


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the log under test is the bundle server's."""


def chromium_path() -> str:
    """A Chromium of the system, or the test is skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium is installed")


@pytest.fixture(scope="session")
def axe_source(player_pages: str) -> str:
    """The script of axe-core, which finds what keeps people from using a page."""
    assert player_pages, "which installed it"
    return (BROWSER / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="session")
def lab_url(player_pages: str) -> str:
    """Address of a page on which the parts of the browser player can be tried one by one, as `lab`."""
    build_page("lab")
    return f"{player_pages}/lab.html"


@pytest.fixture(scope="session")
def built_page() -> Path:
    """The folder of the page as the server hands it out, up to date."""
    return build_page("page")


def build_page(what: str) -> Path:
    """Builds `page` or `lab` of web/ where a source changed; without Node the test is skipped."""
    try:
        return build(what)
    except NodeMissingError as error:
        pytest.skip(str(error))


_FLAGS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# WebGL2 and WebGPU, computed by the processor. The watchdog takes a busy processor for a hung device.
_SOFTWARE_GPU = (
    *("--enable-unsafe-swiftshader", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"),
    *("--use-angle=swiftshader", "--use-vulkan=swiftshader", "--enable-features=Vulkan"),
    *("--disable-gpu-watchdog", "--disable-hang-monitor", "--ignore-gpu-blocklist"),
)


# Not for the whole session: while Playwright is open, its event loop runs, and no test can start another.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Callable[..., Any]]:
    """A function that starts a headless Chromium which can reach this machine and nothing else."""
    from playwright.sync_api import sync_playwright

    path = chromium_path()
    with sync_playwright() as playwright, contextlib.ExitStack() as running:

        def started(*more_flags: str) -> Any:
            browser = playwright.chromium.launch(executable_path=path, headless=True, args=[*_FLAGS, *more_flags])
            return running.enter_context(contextlib.closing(browser))

        yield started


@pytest.fixture(scope="module")
def browser_page(chromium: Callable[..., Any]) -> Callable[..., Any]:
    """A function that opens an address in a Chromium without a graphics device."""
    return _opener(chromium("--disable-gpu"))


@pytest.fixture(scope="module")
def gpu_page(chromium: Callable[..., Any]) -> Callable[..., Any]:
    """The same with WebGL2 and WebGPU, both in software."""
    return _opener(chromium(*_SOFTWARE_GPU))


@pytest.fixture
def complaints() -> list[str]:
    """Warnings and errors that the page wrote to its console."""
    return []


@pytest.fixture
def watch(
    built_page: Path, browser_page: Callable[..., Any], gpu_page: Callable[..., Any], complaints: list[str]
) -> Iterator[Callable[..., Any]]:
    """Opens the page of a server on its one bundle, after a script; other keyword arguments are settings of the player.

    There is a graphics device, in software, only where `renderer` is given: without it everything is faster.
    """
    pages = []

    def opened(served: Served, first: str = "", routes: dict[str, Any] = {}, **settings: str) -> Any:  # noqa: B006
        page = (gpu_page if "renderer" in settings else browser_page)("about:blank")
        page.add_init_script(first)
        for pattern, answer in routes.items():
            page.route(pattern, answer)
        page.on("console", lambda m: complaints.append(m.text) if is_complaint(m) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        given = {"effort": "always", "rung": "v90", "autoplay": "0", "details": "0", **settings}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        page.goto(f"{served.manifest_url.partition('/bundles/')[0]}/?{query}#film")
        until(page, "document.querySelector('neudash-player')?.video.readyState >= 2", 30)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()


@pytest.fixture(scope="module")
def lab(lab_url: str, gpu_page: Callable[..., Any]) -> Any:
    """A page with the parts of the player; `lab.evaluate` runs a function on it."""
    page = gpu_page(lab_url)
    page.wait_for_function("window.ready")
    return page


def _opener(browser: Any) -> Callable[..., Any]:
    def opened(url: str, **context: object) -> Any:
        page = browser.new_context(**context).new_page()
        page.goto(url)
        return page

    return opened
