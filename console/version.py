"""The version of neudash that runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def neudash_version() -> str:
    """As its package says it; `unknown` in a checkout that was never installed."""
    try:
        return version("neudash")
    except PackageNotFoundError:
        return "unknown"
