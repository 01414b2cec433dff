"""The picture of our own sample video: a canal town at dusk, drawn from random numbers.

Everything is drawn once, twice as large as it is shown, into layers that `neudash.sample.video` moves past each other.
Pictures are uint8 (rows, columns, channels), BGR; a layer has alpha last and colours multiplied by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Random = np.random.Generator

_S = 2
"""Pixels drawn for one shown, each way."""

_SIGNS = ("BAKERY", "BOOKS", "CAFE LUNA", "TEA & SPICES", "PIANOS", "ATLAS MAPS", "CHEESE", "CLOCKS", "WINE", "TAILOR")
_BRICKS: Sequence[Colour] = (
    (62, 74, 148),
    (74, 96, 162),
    (96, 128, 176),
    (120, 112, 120),
    (70, 84, 110),
    (128, 158, 190),
)
_TRIM: Colour = (205, 222, 232)
_LIT: Colour = (96, 188, 255)
_DARK: Colour = (66, 48, 36)


def noise(random: Random, rows: int, columns: int, cell: float, octaves: int) -> NDArray[np.float32]:
    """Fractal noise in about -1..1; the coarsest features are `cell` pixels."""
    total = np.zeros((rows, columns), np.float32)
    for octave in range(octaves):
        size = max(2, round(columns / cell * 2**octave)), max(2, round(rows / cell * 2**octave))
        grid = random.uniform(-1, 1, (size[1] + 3, size[0] + 3)).astype(np.float32)
        total += cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC) / 2**octave
    return total / 1.5


def sky(random: Random, width: int, height: int) -> Picture:
    """Dusk, with clouds lit from below."""
    rows = np.linspace(0, 1, height, dtype=np.float32)
    stops, colours = (
        (0, 0.12, 0.24, 0.36, 0.5),
        ((84, 46, 34), (142, 84, 88), (150, 118, 200), (112, 160, 250), (150, 205, 255)),
    )
    gradient = np.stack([np.interp(rows, stops, [c[i] for c in colours]) for i in range(3)], axis=-1)
    clouds = noise(random, height, width, 420, 7) - noise(random, height, width, 90, 5) * 0.25
    cover = (
        np.clip((clouds + 0.05) * 1.6, 0, 1)[..., None] * np.interp(rows, (0, 0.2, 0.5), (0.8, 0.7, 0.3))[:, None, None]
    )
    below = np.clip(np.roll(clouds, -14, axis=0) - clouds + 0.35, 0, 1)[..., None]
    lit = np.array((70, 58, 84)) * (1 - below) + np.array((150, 170, 255)) * below
    picture = gradient[:, None] * (1 - cover) + lit * cover
    return np.clip(picture, 0, 255).astype(np.uint8)


def bricks(random: Random, rows: int, columns: int, colour: Colour, brick: tuple[int, int]) -> Picture:
    """Courses of bricks of `brick` (columns, rows) pixels, no two alike, mortar between them."""
    y, x = np.mgrid[0:rows, 0:columns]
    course = y // brick[1]
    shifted = x + (course % 2) * brick[0] // 2
    tone = random.normal(1.0, 0.14, (rows // brick[1] + 1, columns // brick[0] + 2))[course, shifted // brick[0]]
    mortar = ((y % brick[1]) < 2) | ((shifted % brick[0]) < 2)
    weather = 1 + 0.16 * noise(random, rows, columns, 160, 4) + random.normal(0, 0.035, (rows, columns))
    picture = 0.86 * np.array(colour) * (np.where(mortar, 1.22, tone) * weather)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def houses(random: Random, width: int, height: int) -> Picture:
    """A row of gabled houses with shops, over the whole width."""
    canvas = np.zeros((height * _S, width * _S, 4), np.uint8)
    edges = [-20]
    while edges[-1] < width * _S:
        edges.append(edges[-1] + int(random.integers(270, 390)))
        _house(random, canvas, edges[-2], edges[-1] - edges[-2], int(random.integers(560, 760)), len(edges))
    for edge in edges[2::3]:
        _tree(random, canvas, edge)
    glow = np.where((canvas[..., :3] == _LIT).all(axis=-1)[..., None], canvas[..., :3], 0).astype(np.uint8)
    bloom = cv2.GaussianBlur(glow, (0, 0), 22) * 0.5 * (canvas[..., 3:] > 0)
    canvas[..., :3] = np.clip(canvas[..., :3] + bloom, 0, 255)
    return _layer(canvas)


def _house(random: Random, canvas: Picture, x: int, w: int, h: int, count: int) -> None:
    base = canvas.shape[0]
    eaves = base - h
    outline = np.array([(x, base), *_gable(count % 3, x, w, eaves), (x + w, base)])
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline], 255)
    left, right, top = max(x, 0), min(x + w, canvas.shape[1]), int(outline[:, 1].min())
    wall = bricks(random, base - top, right - left, _BRICKS[count % len(_BRICKS)], (22, 10))
    inside = mask[top:base, left:right] > 0
    canvas[top:base, left:right][inside] = np.dstack([wall, np.full(wall.shape[:2], 255, np.uint8)])[inside]
    cv2.polylines(canvas, [outline[1:-1]], False, (*_TRIM, 255), 9, cv2.LINE_AA)
    cv2.line(canvas, (x, base), (x, eaves), (30, 26, 30, 255), 4)
    bays = 3 if w > 320 else 2
    pitch = w / (bays + 0.35)
    for floor, y in enumerate(range(eaves + 24, base - 380, 160)):
        for bay in range(bays):
            _window(random, canvas, round(x + pitch * (bay + 0.35)), y, round(pitch * 0.66), 118 - 8 * floor)
    if h > 640:
        cv2.circle(canvas, (x + w // 2, eaves - 46), 26, (*_TRIM, 255), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x + w // 2, eaves - 46), 19, (*_DARK, 255), -1, cv2.LINE_AA)
    _shop(random, canvas, x, w, _SIGNS[count % len(_SIGNS)])


def _gable(kind: int, x: int, w: int, eaves: int) -> list[tuple[int, int]]:
    if kind == 0:  # steps
        step, half = 30, []
        for k in range(4):
            half += [(x + k * w // 9, eaves - k * step * 4 // 3), (x + k * w // 9, eaves - (k + 1) * step * 4 // 3)]
        return half + [(2 * x + w - a, b) for a, b in reversed(half)]
    if kind == 1:  # a bell
        half = [
            (round(x + w * 0.36 * t), round(eaves - 150 * t**0.5 * (0.6 + 0.4 * t * t))) for t in np.linspace(0, 1, 24)
        ]
        return half + [(x + w // 2, eaves - 178)] + [(2 * x + w - a, b) for a, b in reversed(half)]
    return [(x, eaves), (x + w // 2, eaves - 170), (x + w, eaves)]


def _window(random: Random, canvas: Picture, x: int, y: int, w: int, h: int) -> None:
    lit = random.random() < 0.42
    cv2.rectangle(canvas, (x - 7, y - 7), (x + w + 7, y + h + 7), (*_TRIM, 255), -1)
    cv2.rectangle(canvas, (x, y), (x + w, y + h), (*(_LIT if lit else _DARK), 255), -1)
    if lit:  # curtains
        for side, way in ((x, 1), (x + w, -1)):
            fold = np.array([(side, y), (side + way * w // 3, y), (side + way * w // 8, y + h), (side, y + h)])
            cv2.fillPoly(canvas, [fold], (70, 120, 205, 255), cv2.LINE_AA)
    else:  # the sky in the panes
        cv2.line(canvas, (x + w // 5, y + h - 6), (x + w - w // 4, y + 8), (120, 96, 92, 255), 9, cv2.LINE_AA)
    cv2.line(canvas, (x + w // 2, y), (x + w // 2, y + h), (*_TRIM, 255), 5)
    for part in (1, 2):
        cv2.line(canvas, (x, y + part * h // 3), (x + w, y + part * h // 3), (*_TRIM, 255), 4)
    cv2.rectangle(canvas, (x - 12, y + h + 6), (x + w + 12, y + h + 15), (168, 186, 196, 255), -1)


def _shop(random: Random, canvas: Picture, x: int, w: int, name: str) -> None:
    base = canvas.shape[0]
    paint = tuple(int(c) for c in random.integers(30, 110, 3))
    cv2.rectangle(canvas, (x + 10, base - 236), (x + w - 10, base), (*paint, 255), -1)
    cv2.rectangle(canvas, (x + 26, base - 160), (x + w - 118, base - 34), (*_LIT, 255), -1)
    for pane in range(x + 26, x + w - 118, 44):
        cv2.line(canvas, (pane, base - 160), (pane, base - 34), (*paint, 255), 5)
    for shelf in (base - 76, base - 118):  # what is for sale
        for item in range(x + 36, x + w - 136, 19):
            tall, tint = int(random.integers(14, 34)), tuple(int(c) for c in random.integers(20, 150, 3))
            cv2.rectangle(canvas, (item, shelf - tall), (item + 12, shelf), (*tint, 255), -1)
        cv2.line(canvas, (x + 26, shelf + 2), (x + w - 118, shelf + 2), (50, 70, 110, 255), 4)
    cv2.rectangle(canvas, (x + w - 100, base - 166), (x + w - 30, base), (*_TRIM, 255), 6)
    cv2.circle(canvas, (x + w - 42, base - 76), 5, (90, 190, 230, 255), -1, cv2.LINE_AA)
    scale = min(1.9, (w - 60) / cv2.getTextSize(name, cv2.FONT_HERSHEY_TRIPLEX, 1.0, 3)[0][0])
    size = cv2.getTextSize(name, cv2.FONT_HERSHEY_TRIPLEX, scale, 3)[0]
    cv2.putText(
        canvas,
        name,
        (x + (w - size[0]) // 2, base - 186),
        cv2.FONT_HERSHEY_TRIPLEX,
        scale,
        (170, 225, 245, 255),
        3,
        cv2.LINE_AA,
    )
    stripes = 14
    for stripe in range(stripes):  # the awning
        a, b = (x + 10 + (w - 20) * k // stripes for k in (stripe, stripe + 1))
        tint = (60, 60, 170, 255) if stripe % 2 else (210, 224, 232, 255)
        cv2.rectangle(canvas, (a, base - 178), (b, base - 152), tint, -1)
        cv2.circle(canvas, ((a + b) // 2, base - 152), (b - a) // 2, tint, -1, cv2.LINE_AA)


def _tree(random: Random, canvas: Picture, x: int) -> None:
    base = canvas.shape[0]
    cv2.line(canvas, (x, base), (x + 6, base - 300), (34, 40, 52, 255), 17, cv2.LINE_AA)
    crown = (x + 6, base - 372)
    leaves(random, canvas, crown, (80, 70), 700)
    for angle in np.arange(7) * 2 * np.pi / 7:
        reach = random.uniform(44, 66)
        puff = _point(np.array(crown) + reach * np.array((1.2 * np.cos(angle), np.sin(angle))))
        leaves(random, canvas, puff, (58, 50), 330)


def leaves(random: Random, canvas: Picture, centre: tuple[int, int], radius: tuple[int, int], count: int) -> None:
    """A crown of single leaves, lighter towards the top right."""
    for _ in range(count):
        angle, reach = random.uniform(0, 2 * np.pi), np.sqrt(random.random())
        offset = np.array((np.cos(angle) * radius[0], np.sin(angle) * radius[1])) * reach
        light = 0.75 + 0.35 * (offset[0] / radius[0] - offset[1] / radius[1]) + random.normal(0, 0.22)
        tint = np.clip(np.array((34, 92, 116)) * light * (1, 1, random.uniform(0.6, 1.5)), 8, 235)
        at, turn = _point(np.array(centre) + offset), random.uniform(0, 360)
        cv2.ellipse(canvas, at, (9, 4), turn, 0, 360, (*map(int, tint), 255), -1, cv2.LINE_AA)


def quay(random: Random, width: int, height: int) -> Picture:
    """The stone wall between the street and the water, with its railing above."""
    canvas = np.zeros((height * _S, width * _S, 4), np.uint8)
    rail = 60
    stone = bricks(random, height * _S - rail, width * _S, (116, 122, 128), (74, 34))
    canvas[rail:] = np.dstack([stone, np.full(stone.shape[:2], 255, np.uint8)])
    canvas[rail : rail + 16, :, :3] = (168, 176, 184)
    wet = np.linspace(1, 0.35, height * _S - rail - 16)[:, None, None]
    canvas[rail + 16 :, :, :3] = (canvas[rail + 16 :, :, :3] * wet).astype(np.uint8)
    for x in range(0, width * _S, 26):
        cv2.line(canvas, (x, 10), (x, rail), (40, 36, 34, 255), 3, cv2.LINE_AA)
    for y in (8, 46):
        cv2.line(canvas, (0, y), (width * _S, y), (40, 36, 34, 255), 5, cv2.LINE_AA)
    return _layer(canvas)


def boat(random: Random) -> Picture:
    """A barge with its name, (rows, columns, 4) with colours multiplied by alpha; the waterline is its last row."""
    canvas = np.zeros((150 * _S, 460 * _S, 4), np.uint8)
    base = canvas.shape[0]
    hull = np.array([(16, base - 110), (120, base - 92), (800, base - 92), (908, base - 120), (850, base), (70, base)])
    cv2.fillPoly(canvas, [hull], (58, 44, 34, 255), cv2.LINE_AA)
    cv2.polylines(canvas, [hull[:4]], False, (90, 190, 235, 255), 9, cv2.LINE_AA)
    cv2.rectangle(canvas, (330, base - 178), (760, base - 96), (74, 98, 150, 255), -1)
    for plank in range(330, 760, 14):
        cv2.line(canvas, (plank, base - 178), (plank, base - 96), (54, 74, 118, 255), 2)
    cv2.rectangle(canvas, (312, base - 192), (778, base - 174), (*_TRIM, 255), -1)
    for window in range(362, 730, 92):
        cv2.circle(canvas, (window, base - 136), 25, (*_TRIM, 255), -1, cv2.LINE_AA)
        cv2.circle(canvas, (window, base - 136), 18, (*_LIT, 255), -1, cv2.LINE_AA)
    for pot in range(140, 300, 40):
        leaves(random, canvas, (pot, base - 116), (20, 22), 60)
    cv2.line(canvas, (816, base - 92), (816, base - 290), (70, 90, 110, 255), 7, cv2.LINE_AA)
    cv2.putText(
        canvas, "NEUDASH", (250, base - 32), cv2.FONT_HERSHEY_TRIPLEX, 2.0, (200, 226, 240, 255), 5, cv2.LINE_AA
    )
    return _layer(canvas)


def branch(random: Random, width: int, height: int) -> Picture:
    """Leaves close to the camera."""
    canvas = np.zeros((height * _S, width * _S, 4), np.uint8)
    for x in range(-100, width * _S, 1500):
        for twig in range(7):
            tip = np.array((x + 70 + twig * 75, int(60 + 200 * np.sin(twig * 1.9) ** 2)))
            cv2.line(canvas, (x, -20), _point(tip), (26, 32, 40, 255), 7, cv2.LINE_AA)
            leaves(random, canvas, _point(tip), (72, 52), 90)
    return _layer(canvas)


def _layer(canvas: Picture) -> Picture:
    """The drawing at the size it is shown in, colours multiplied by alpha."""
    solid = canvas.astype(np.float32)
    solid[..., :3] *= solid[..., 3:] / 255
    shown = cv2.resize(solid, None, fx=1 / _S, fy=1 / _S, interpolation=cv2.INTER_AREA)
    layer: Picture = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    return layer


def _point(at: NDArray[np.float64]) -> tuple[int, int]:
    return int(at[0]), int(at[1])
