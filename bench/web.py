"""Measures milliseconds a frame of the browser player, next to its own plain path and a network from npm.

Headless Chromium computes WebGL2 and WebGPU on the CPU here, so ratios mean more than times: each network over the
plain path of the same renderer, and milliseconds per million multiply-adds over Anime4K's CNNx2M. All take turns, frame
by frame, so that the machine's load affects all alike. `--page` measures instead how soon the page of a running
`neudash serve` shows its first enhanced picture.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import http.server
import json
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import machine
from bench.tables import Column, aligned
from console.outputs import write_output
from manifests.networks import NetworkSpec
from manifests.weights import CodedLayer, CodedModel, encode_model
from web.build import BuildError, build

NETWORKS = (NetworkSpec(2, 4, 1), NetworkSpec(2, 8, 2), NetworkSpec(2, 16, 2))
RENDERERS = ("webgl2", "webgpu", "wasm")
RIVAL = "anime4k CNNx2M"
COLUMNS = (
    Column("contender", "name", left=True),
    Column("ms/frame", "ms", "{:.1f}"),
    Column("x plain", "x_plain", "{:.2f}"),
    Column("MACs/pixel", "macs_per_pixel"),
    Column("ms/million", "ms_per_million", "{:.2f}"),
    Column("x rival", "x_rival", "{:.2f}"),
)
FIRST_WITHIN_S = 30
FLAGS = (
    *("--no-sandbox", "--enable-unsafe-swiftshader", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"),
    *("--use-angle=swiftshader", "--use-vulkan=swiftshader", "--enable-features=Vulkan", "--ignore-gpu-blocklist"),
    *("--disable-gpu-watchdog", "--disable-hang-monitor"),
)

# Opens all contenders once, then lets each draw a frame in turn.
MEASURE = """async ([contenders, size, rounds]) => {
  const { openRival } = await import("./built/rival.js");
  const planes = { ...size, y: new Uint8Array(size.width * size.height).map((_, i) => (i * 37) % 256) };
  const small = ((size.width + 1) >> 1) * ((size.height + 1) >> 1);
  planes.u = planes.v = new Uint8Array(small).fill(128);
  const colour = { matrix: "bt709", fullRange: false };
  const picture = { planes, colour };
  const ready = [];
  for (const { name, kind, model, hash } of contenders) {
    if (!kind) {
      const rival = await openRival(size.width, size.height);
      ready.push({ name, macs: rival.macs, device: "", run: () => rival.run() });
      continue;
    }
    const renderer = await lab.openRenderer(kind, document.createElement("canvas"));
    const weights = model && lab.decodeModel(bytes(model), hash);
    const to = weights ? 1 : 2;
    const input = { inputWidth: size.width * to, inputHeight: size.height * to };
    const shape = { ...size, ...input, spec: weights && weights.spec };
    await renderer.prepare(shape);
    ready.push({ name, macs: 0, device: renderer.device, run: () => renderer.draw(picture, weights, 0) });
  }
  for (const { run } of ready) await run();
  const times = ready.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { run }] of ready.entries()) {
      const began = performance.now();
      await run();
      times[index].push(performance.now() - began);
    }
  }
  return ready.map(({ name, macs, device }, index) => ({ name, macs, device, ms: times[index] }));
}"""


def main(argv: list[str]) -> int:
    """Runs the command. Returns 0 if it measured; 1 if this machine cannot, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m bench.web", description=__doc__)
    parser.add_argument(
        "--size", default="320x180", metavar="WxH", help="size of the input picture (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--page", metavar="URL", help="address of a page, such as 'http://127.0.0.1:8000/?rung=v360#film'"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    width, height = map(int, options.size.split("x"))
    try:
        rows = first_pictures(options.page, options.rounds) if options.page else measured(width, height, options.rounds)
    except BuildError as error:
        print(f"bench.web: {error}", file=sys.stderr)
        return 1
    print(text_of_first(rows) if options.page else aligned(COLUMNS, rows))
    if options.json:
        result = {"command": ["python", "-m", "bench.web", *argv], "machine": machine(), "size": options.size}
        write_output(options.json, (json.dumps({**result, "rows": rows}, indent=1) + "\n").encode())
    return 0


def measured(width: int, height: int, rounds: int) -> list[dict[str, Any]]:
    """Returns one row for each contender. Raises BuildError."""
    with _pages(build("lab").parent) as address, _chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/lab.html")
        page.wait_for_function("window.ready")
        found = page.evaluate(MEASURE, [_contenders(), {"width": width, "height": height}, rounds])
    return _rows(found, width * height)


def first_pictures(url: str, rounds: int) -> list[dict[str, Any]]:
    """Measures milliseconds from the first plain picture to the first enhanced one, in a new browser each time.

    Returns one row with `all_ms`, for the renderer that the address names or the page chooses. Raises BuildError.
    """
    place = url.partition("#")[0]
    # The query may name a renderer.
    name = next((kind for kind in RENDERERS if f"renderer={kind}" in place), "auto")
    all_ms = []
    for _ in range(rounds):
        # A new browser has an empty cache.
        with _chromium() as browser:
            page = browser.new_page()
            page.goto(url)
            all_ms.append(_first_enhanced_ms(page))
    return [{"name": name, "all_ms": all_ms}]


def _first_enhanced_ms(page: Any) -> float:
    end_s = time.monotonic() + FIRST_WITHIN_S
    while time.monotonic() < end_s:
        # The page keeps the time itself; here it is only waited for.
        ms = page.evaluate("document.querySelector('neudash-player')?.status.firstEnhancedMs ?? null")
        if ms is not None:
            return float(ms)
        page.wait_for_timeout(100)
    told = page.evaluate("document.querySelector('neudash-player')?.status.reason ?? 'no bundle of that name'")
    raise BuildError(f"nothing was enhanced: {told}")


def text_of_first(rows: list[dict[str, Any]]) -> str:
    """Returns the rows of `first_pictures` as a table."""
    figures: dict[str, Callable[[list[float]], float]] = {"median ms": statistics.median, "least": min, "most": max}
    columns = [Column("renderer", "name", left=True), *(Column(head, head, "{:.0f}") for head in figures)]
    return aligned(columns, [{**row, **{head: f(row["all_ms"]) for head, f in figures.items()}} for row in rows])


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise BuildError("no Chromium is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


def _contenders() -> list[dict[str, Any]]:
    ours: list[dict[str, Any]] = []
    for kind in RENDERERS:
        ours.append({"name": f"plain {kind}", "kind": kind, "model": None, "hash": ""})
        for spec in NETWORKS:
            data = _model(spec)
            coded = {"model": base64.b64encode(data).decode(), "hash": hashlib.sha256(data).hexdigest()}
            ours.append({"name": f"{spec.name} {kind}", "kind": kind, **coded})
    return [*ours, {"name": RIVAL}]


def _model(spec: NetworkSpec) -> bytes:
    # Random codes are enough, because the time does not depend on them.
    rng = np.random.default_rng(0)
    layers = []
    for inputs, outputs in spec.layers:
        codes = rng.integers(-32, 32, (3, 3, inputs, outputs)).astype(np.int8)
        layers.append(CodedLayer(6, codes, np.full(outputs, 0.001, np.float16), np.zeros(outputs, np.float16)))
    return encode_model(CodedModel(spec, 128, tuple(layers)))


def _rows(found: list[dict[str, Any]], pixels: int) -> list[dict[str, Any]]:
    macs = {spec.name: spec.macs_per_pixel for spec in NETWORKS}
    ms = {entry["name"]: statistics.median(entry["ms"]) for entry in found}
    rival = next(entry for entry in found if entry["name"] == RIVAL)
    # Milliseconds per million multiply-adds, the figure that networks of different sizes share.
    rival_cost = ms[RIVAL] / (rival["macs"] * pixels / 1e6)
    rows = []
    for entry in found:
        network, _, kind = entry["name"].partition(" ")
        per_pixel = rival["macs"] if entry is rival else macs.get(network)
        cost = None if per_pixel is None else ms[entry["name"]] / (per_pixel * pixels / 1e6)
        rows.append(
            {
                "name": entry["name"],
                "device": entry["device"],
                "ms": ms[entry["name"]],
                "all_ms": entry["ms"],
                "macs_per_pixel": per_pixel,
                "x_plain": ms[entry["name"]] / ms[f"plain {kind}"] if network in macs else None,
                "ms_per_million": cost,
                "x_rival": None if cost is None else cost / rival_cost,
            }
        )
    return rows


@contextmanager
def _pages(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing, because only the table is wanted."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
