"""The policies by name: what `--abr` offers."""

from __future__ import annotations

from player.abr.abandon import abandon_request
from player.abr.bola import bola
from player.abr.bones import bones
from player.abr.by_throughput import by_throughput
from player.abr.dynamic import dynamic
from player.abr.joint import joint
from player.abr.joint_abandon import joint_abandon
from player.abr.robust_mpc import robust_mpc
from player.abr.state import Abandon, Policy

RULES: dict[str, Policy] = {
    "bola": bola,
    "bones": bones,
    "dynamic": dynamic,
    "joint": joint,
    "robust-mpc": robust_mpc,
    "throughput": by_throughput,
}
ABANDON: dict[str, Abandon] = {
    "bola": abandon_request,
    "dynamic": abandon_request,
    "joint": joint_abandon,
    "throughput": abandon_request,
}
"""Of those that give up a segment under way."""
DEFAULT = "joint"
