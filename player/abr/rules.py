"""The policies by name: what `--abr` offers."""

from __future__ import annotations

from player.abr.bola import bola
from player.abr.bones import bones
from player.abr.by_throughput import by_throughput
from player.abr.dynamic import dynamic
from player.abr.joint import joint
from player.abr.robust_mpc import robust_mpc
from player.abr.state import Policy

RULES: dict[str, Policy] = {
    "bola": bola,
    "bones": bones,
    "dynamic": dynamic,
    "joint": joint,
    "robust-mpc": robust_mpc,
    "throughput": by_throughput,
}
DEFAULT = "joint"
