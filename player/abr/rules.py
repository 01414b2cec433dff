"""The rules that `--abr` offers: every module of `player.abr.policies` has one, its `RULE`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from player.abr import policies
from player.abr.state import Rule


def _found() -> dict[str, Rule]:
    names = sorted(module.name for module in iter_modules(policies.__path__))
    rules: list[Rule] = [import_module(f"{policies.__name__}.{name}").RULE for name in names]
    return {rule.name: rule for rule in rules}


RULES = _found()
DEFAULT = "joint"
