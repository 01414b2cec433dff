"""What a server is told: defaults, then the environment, then flags. Read once, frozen, handed on."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

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
    max_connections: int = 4096
    """Connections a worker holds before it answers 503."""
    graceful_s: int = 10
    """How long transfers may go on after a request to stop."""
    protocol: str = "direct"
    """`direct`: guarded, and plain answers written without the framework; `guarded`; or `plain`, uvicorn's own."""
    head_s: int = 10
    """A request's head must be there this long after its first byte, or after the connection was opened."""
    head_bytes: int = 16384
    """Largest head of a request; then 431."""
    stalled_s: int = 30
    """What was handed to a connection, a megabyte at most, must have left after so long, or it is closed."""
    waiting_mb: int = 256
    """Megabytes that a worker lets wait for slow readers; then those that wait longest are closed."""
    open_files: int = 512
    """Files that a worker holds open."""
    base_urls: tuple[str, ...] = ()
    """What manifests name as places of their segments, best first: CDNs that fetch from here. `/` ends each."""
    private: tuple[str, ...] = ()
    """Bundles, or folders of bundles, that need a token; `*` is all."""
    secret: str = ""
    """What signs tokens; itself the operator's token for everything."""
    token_hours: int = 12
    """How long a token opens its bundle."""
    requests_per_s: int = 0
    """What one address may ask of a worker, with bursts of twice that; 0 for any number."""
    metrics_folder: Path | None = None
    """Where several workers tell each other what they counted; None for a folder that lasts as long as the server."""

    def to_environment(self) -> dict[str, str]:
        """The environment from which `read_settings` makes these settings again, for worker processes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {PREFIX + name.upper(): str(value) for name, value in texts.items() if value not in (None, "")}


# The smallest value that makes sense, for every field that is a number.
_LEAST = {
    "port": 0,
    "workers": 1,
    "rescan_s": 0,
    "max_connections": 1,
    "graceful_s": 0,
    "head_s": 1,
    "head_bytes": 1024,
    "stalled_s": 1,
    "waiting_mb": 1,
    "open_files": 1,
    "token_hours": 1,
    "requests_per_s": 0,
}
PROTOCOLS = ("direct", "guarded", "plain")
_SHORTEST_SECRET = 16


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
    settings = ServerSettings(root, **{name: _parsed(name, *source) for name, source in given.items()})  # type: ignore[arg-type]  # each value has its field's type
    if settings.private and len(settings.secret) < _SHORTEST_SECRET:
        raise SettingsError(f"private bundles need a secret of {_SHORTEST_SECRET} characters or more: {PREFIX}SECRET")
    return settings


def _field_of(key: str) -> str:
    known = [PREFIX + field.name.upper() for field in fields(ServerSettings)]
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise SettingsError(f"unknown environment variable {key}: {hint}")
    return key.removeprefix(PREFIX).lower()


def _parsed(name: str, source: str, text: str) -> object:
    if name in ("host", "secret"):
        return text
    if name in ("access_log", "metrics_folder"):
        return Path(text)
    if name in ("base_urls", "private"):
        return _listed(name, source, text)
    if name == "protocol":
        if text not in PROTOCOLS:
            raise SettingsError(f"{source} is {text!r}; known are {', '.join(PROTOCOLS)}")
        return text
    kind = float if name == "rescan_s" else int
    try:
        value = kind(text)
    except ValueError:
        raise SettingsError(f"{source} is {text!r}, which is not a number") from None
    most = 65535 if name == "port" else 10**9
    if not _LEAST[name] <= value <= most:
        raise SettingsError(f"{source} is {text}, which is out of range ({_LEAST[name]} to {most})")
    return value


def _listed(name: str, source: str, text: str) -> tuple[str, ...]:
    items = tuple(item.strip() for item in text.split(",") if item.strip())
    for item in items if name == "base_urls" else ():
        parts = urlsplit(item)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise SettingsError(f"{source} has {item!r}, which is no address like https://cdn.example/films/")
    return tuple(item if item.endswith("/") else item + "/" for item in items) if name == "base_urls" else items
