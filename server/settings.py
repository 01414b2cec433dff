"""What a server is told: defaults, then the environment, then flags. Read once, frozen, handed on."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

PREFIX = "NEUDASH_SERVER_"


class ServerError(Exception):
    """Root of what this package raises. `str()` is one sentence fit for a person to read."""


class SettingsError(ServerError):
    """A setting that is unknown, missing, or has a value that cannot be used."""


@dataclass(frozen=True)
class ServerSettings:
    """Everything that decides how a server behaves. Every field is also `NEUDASH_SERVER_<FIELD>`."""

    root: Path
    """Folder that is searched for bundles; may itself be one."""
    host: str = "127.0.0.1"
    port: int = 8000
    """0 lets the system choose a free one."""
    workers: int = 1
    """Processes that share the listening socket."""
    access_log: Path | None = None
    """File that gets one JSON line for each answer; None for no log."""
    rescan_s: float = 1.0
    """Shortest time between two looks at the disk for new, changed and removed bundles."""
    max_connections: int = 1024
    """Connections a worker holds before it answers 503."""
    graceful_s: int = 10
    """How long transfers may go on after a request to stop."""

    def to_environment(self) -> dict[str, str]:
        """The environment from which `read_settings` makes these settings again, for worker processes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {PREFIX + name.upper(): str(value) for name, value in values.items() if value is not None}


# The smallest value that makes sense, for every field that is a number.
_LEAST = {"port": 0, "workers": 1, "rescan_s": 0, "max_connections": 1, "graceful_s": 0}


def read_settings(environment: Mapping[str, str], flags: Mapping[str, str | None]) -> ServerSettings:
    """Settings from `environment` (its `NEUDASH_SERVER_*` keys), overridden by `flags`.

    Flags go by field name; None is one that was not given. Raises SettingsError, naming the key, on an
    unknown key or a value that cannot be used.
    """
    given: dict[str, tuple[str, str]] = {}
    for key in sorted(environment):
        if key.startswith(PREFIX):
            given[_field_of(key)] = (key, environment[key])
    for name, text in flags.items():
        if text is not None:
            given[name] = ("--" + name.replace("_", "-"), text)
    if "root" not in given:
        raise SettingsError(f"no folder to serve: name one, or set {PREFIX}ROOT")
    root = Path(given.pop("root")[1])
    return ServerSettings(root, **{name: _parsed(name, *source) for name, source in given.items()})  # type: ignore[arg-type]  # each value has its field's type


def _field_of(key: str) -> str:
    known = [PREFIX + field.name.upper() for field in fields(ServerSettings)]
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise SettingsError(f"unknown environment variable {key}: {hint}")
    return key.removeprefix(PREFIX).lower()


def _parsed(name: str, source: str, text: str) -> object:
    if name == "host":
        return text
    if name == "access_log":
        return Path(text)
    kind = float if name == "rescan_s" else int
    try:
        value = kind(text)
    except ValueError:
        raise SettingsError(f"{source} is {text!r}, which is not a number") from None
    if not _LEAST[name] <= value <= (65535 if name == "port" else 1e9):
        raise SettingsError(f"{source} is {text}, which is out of range (at least {_LEAST[name]})")
    return value
