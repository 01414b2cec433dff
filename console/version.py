"""The version of neudash that runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def neudash_version() -> str:
    """Returns the version of the installed package; `unknown` in a checkout that was never installed."""
    try:
        return version("neudash")
    except PackageNotFoundError:
        return "unknown"
