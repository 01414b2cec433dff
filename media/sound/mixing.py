"""Channels into fewer or more channels: matrices by the names of the channels, as ITU-R BS.775 mixes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

MONO = ("FC",)
STEREO = ("FL", "FR")
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
"""5.1, in the order that AAC and FLAC have."""

_DOWN_3_DB = 0.5**0.5

# Left and right share of the channels whose name does not end in their side.
_CENTRES = {"FC": (_DOWN_3_DB, _DOWN_3_DB), "LFE": (0.0, 0.0), "LFE2": (0.0, 0.0)}
_FRONTS = {"FL": (1.0, 0.0), "FR": (0.0, 1.0), "DL": (1.0, 0.0), "DR": (0.0, 1.0), "FLC": (1.0, 0.0), "FRC": (0.0, 1.0)}


def is_named(channels: Sequence[str]) -> bool:
    """Returns True if the position of every channel is known well enough for two or six speakers."""
    return len(set(channels)) == len(channels) and not any(name in ("NONE", "UNK", "") for name in channels)


def has_surround(channels: Sequence[str]) -> bool:
    """Returns True if 5.1 would contain something of these channels that stereo does not."""
    return is_named(channels) and len(channels) >= 5


@cache
def mix_matrix(channels: tuple[str, ...], outputs: tuple[tuple[str, ...], ...]) -> NDArray[np.float32]:
    """The matrix, (channels of all outputs, channels of the source), that mixes `channels` for each of `outputs`.

    Each output is one of MONO, STEREO and SURROUND, and none clips: if the shares of a speaker add up to more than 1,
    all of that output are scaled down alike.
    """
    return np.concatenate([_normalised(_matrix(channels, output)) for output in outputs]).astype(np.float32)


def _matrix(channels: tuple[str, ...], output: tuple[str, ...]) -> NDArray[np.float64]:
    if output == MONO:
        return _columns(({"FC": 1 / len(channels)} for _ in channels), output)
    if len(channels) == 1:  # one microphone: as loud from both sides as it was
        return _columns([dict.fromkeys(MONO if output == SURROUND else STEREO, 1.0)], output)
    if not is_named(channels):
        return _columns(_unnamed(len(channels)), output)
    if output == STEREO:
        return _columns(({"FL": left, "FR": right} for left, right in map(_stereo_shares, channels)), output)
    both_pairs = {"SL", "BL"} <= set(channels)
    return _columns((_surround_shares(name, both_pairs=both_pairs) for name in channels), output)


def _unnamed(count: int) -> Iterable[dict[str, float]]:
    """Maps channels without names: odd ones to the left, even ones to the right, so that none is lost."""
    return ({STEREO[index % 2]: 1.0} for index in range(count))


def _columns(shares: Iterable[dict[str, float]], output: tuple[str, ...]) -> NDArray[np.float64]:
    columns: NDArray[np.float64] = np.array([[share.get(name, 0.0) for name in output] for share in shares]).T
    return columns


def _stereo_shares(name: str) -> tuple[float, float]:
    if name in _FRONTS:
        return _FRONTS[name]
    if name in _CENTRES:
        return _CENTRES[name]
    if name.endswith("L"):
        return _DOWN_3_DB, 0.0
    if name.endswith("R"):
        return 0.0, _DOWN_3_DB
    return 0.5, 0.5  # behind or above, in the middle: 3 dB for each of the two ways


def _surround_shares(name: str, *, both_pairs: bool) -> dict[str, float]:
    if name in SURROUND and not (both_pairs and name in ("BL", "BR")):
        return {name: 1.0}
    if name == "LFE2":
        return {"LFE": 1.0}
    if name in _FRONTS:
        left, right = _FRONTS[name]
        return {"FL": left, "FR": right}
    if name.endswith(("L", "R")):
        share = _DOWN_3_DB if both_pairs or name not in ("SL", "SR") else 1.0
        return {"BL" if name.endswith("L") else "BR": share}
    return {"BL": 0.5, "BR": 0.5}


def _normalised(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    loudest = float(np.abs(matrix).sum(axis=1).max())
    normalised: NDArray[np.float64] = matrix / max(loudest, 1.0)
    return normalised
