"""The policies by name: what `--abr` offers."""

from __future__ import annotations

from player.abr.abandon import abandon_request
from player.abr.joint_abandon import joint_abandon
from player.abr.policies.bola import bola
from player.abr.policies.bones import bones
from player.abr.policies.dynamic import dynamic
from player.abr.policies.joint import joint
from player.abr.policies.robust_mpc import robust_mpc
from player.abr.policies.throughput import by_throughput
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
