"""Helpers that look at the page while it plays: its status, its pictures, and waiting for either."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from manifests.bundle import open_bundle
from media.frames import Frame, decode_segment
from tests.support.paths import GOLDEN

if TYPE_CHECKING:
    from pathlib import Path

    pass

GOLDEN_MODEL = GOLDEN / "c8d2-x2-full.ndm"

STATUS = "document.querySelector('neudash-player').status"

ADAPTER = "document.querySelector('neudash-player').adapter"

VIDEO = "document.querySelector('neudash-player').video"

ENHANCED = f"{STATUS}.state === 'enhanced'"

# dash.js at times pauses by itself in the last second, as it does without us (docs/browser.md): it is asked to go on.
AT_END = """(video => {
    if (video.ended || (video.paused && video.duration - video.currentTime < 0.1)) return true;
    if (video.paused && video.duration - video.currentTime < 1) void video.play();
    return false;
})(document.querySelector('neudash-player').video)"""


def until(page: Any, expression: str, timeout_s: float) -> None:
    """Waits for it to hold. (Playwright's own waiting evaluates text within the page, which the page forbids.)"""
    end_s = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        if time.monotonic() >= end_s:
            video = page.evaluate(
                "(v => [v.currentTime, v.duration, v.paused])(document.querySelector('neudash-player').video)"
            )
            pytest.fail(f"never: {expression}; {page.evaluate(f'JSON.stringify({STATUS})')}, video {video}")
        page.wait_for_timeout(50)


def is_complaint(message: Any) -> bool:
    """Chromium itself warns where a page asks for WebGPU and there is none."""
    return message.type in ("error", "warning") and message.text != "No available adapters."


def shown_at(page: Any, time_s: float, also: str = ENHANCED) -> Any:
    """The status once the picture of that time is shown and `also` holds."""
    player = "document.querySelector('neudash-player')"
    page.evaluate(f"{player}.video.currentTime = {time_s}")
    until(page, f"Math.abs({STATUS}.timeS - {time_s}) < 0.05 && {also}", 30)
    return page.evaluate(STATUS)


READ = """async () => {
  const { y, u, v, width, height } = await document.querySelector("neudash-player").inner.readPlanes();
  const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return { width, height, planes: [y, u, v].map(text) };
}"""


def drawn(page: Any) -> list[np.ndarray]:
    """Planes of the enhanced picture as the page drew it."""
    found = page.evaluate(READ)
    sizes = [(found["height"] >> s, found["width"] >> s) for s in (0, 1, 1)]
    planes = (np.frombuffer(base64.b64decode(data), np.uint8) for data in found["planes"])
    return [plane.reshape(size) for plane, size in zip(planes, sizes, strict=True)]


def source_frame(folder: Path, time_s: float) -> Frame:
    """The decoded frame of the lowest rung at a time."""
    bundle = open_bundle(folder)
    rung = bundle.presentation.video[0]
    segment = next(s for s in rung.segments if time_s < (s.start_ticks + s.duration_ticks) / rung.timescale)
    data = [bundle.read(href) for href in (rung.init_href, segment.href)]
    return min(decode_segment(*data), key=lambda frame: abs(float(frame.pts_s) - time_s))


CANVAS = """() => {
  const canvas = document.querySelector("neudash-player").shadowRoot.querySelector("canvas");
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d");
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return btoa(Array.from(data, (byte) => String.fromCharCode(byte)).join(""));
}"""


def canvas_pixels(page: Any) -> np.ndarray:
    """(height, width, 3) of what the canvas shows."""
    height, width = drawn(page)[0].shape
    data = base64.b64decode(page.evaluate(CANVAS))
    return np.frombuffer(data, np.uint8).reshape(height, width, 4)[:, :, :3]


# Answers of the larger rung come in nine pieces, one a second.
TRICKLE = """(() => {
  const whole = fetch;
  window.fetch = async (...asked) => {
    const answer = await whole(...asked);
    if (!answer.url.includes("/v180-")) return answer;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    let piece = 0;
    const body = new ReadableStream({ pull: async (stream) => {
      await new Promise((done) => setTimeout(done, 1000));
      stream.enqueue(bytes.slice(piece * bytes.length / 9, ++piece * bytes.length / 9));
      if (piece === 9) stream.close();
    } });
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
})()"""


def to_base64(data: bytes) -> str:
    """Writes bytes as a script of the page takes them."""
    return base64.b64encode(data).decode()
