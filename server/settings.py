"""Reads the server's settings: defaults, overridden by the environment, overridden by flags. They are read once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from manifests.errors import NeudashError

PREFIX = "NEUDASH_SERVER_"


class ServerError(NeudashError):
    """Root of the errors that this package raises. `str()` is one sentence for a person."""


class SettingsError(ServerError):
    """Raised for a setting that is unknown, missing, or has an unusable value."""


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a server. Each field can also be set by `NEUDASH_SERVER_<FIELD>`."""

    root: Path
    """Folder that is searched for bundles; may itself be a bundle."""
    host: str = "127.0.0.1"
    port: int = 8000
    """Port to listen on; 0 lets the system choose a free one."""
    workers: int = 1
    """Processes that share the listening socket."""
    access_log: Path | None = None
    """File to which one JSON line is appended for each answer; None for no log."""
    rescan_s: float = 1.0
    """Shortest time between two looks at the disk for new, changed and removed bundles; 0 looks for every request."""
    max_connections: int = 4096
    """Number of connections that a worker accepts before it answers 503."""
    graceful_s: int = 10
    """Seconds that running transfers may take after a request to stop."""
    protocol: str = "direct"
    """HTTP protocol: `direct` has guards and writes unconditional answers without the framework, `guarded` has only the
    guards, `plain` is uvicorn's own."""
    head_s: int = 10
    """Seconds in which a whole request must arrive, from its first byte or from the opening of the connection."""
    head_bytes: int = 16384
    """Size limit of a request's head; larger ones are answered 431."""
    stalled_s: int = 30
    """Seconds in which a reader must take what waits for it (at most a megabyte) before its connection is closed."""
    waiting_mb: int = 256
    """Megabytes that may wait for slow readers in a worker; above it, those that wait longest are closed."""
    open_files: int = 512
    """Number of files that a worker keeps open."""
    base_urls: tuple[str, ...] = ()
    """Base URLs of CDNs that fetch from here, best first, each ending in `/`; manifests list them for segments."""
    private: tuple[str, ...] = ()
    """Bundles, or folders of bundles, that need a token; `*` means all."""
    secret: str = ""
    """Key that signs tokens; also the operator's own token for every bundle."""
    token_hours: int = 12
    """Hours for which a token opens its bundle."""
    requests_per_s: int = 0
    """Requests per second that one address may send to a worker, with bursts of twice as many; 0 for no limit."""
    metrics_folder: Path | None = None
    """Folder in which workers share their totals; None for a temporary folder that is removed when the server ends."""

    def to_environment(self) -> dict[str, str]:
        """Returns environment variables from which `read_settings` makes these settings again, for worker processes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {PREFIX + name.upper(): str(value) for name, value in texts.items() if value not in (None, "")}


# Smallest value that makes sense, for every numeric field.
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
    """Returns the settings from `environment` (its `NEUDASH_SERVER_*` keys), overridden by `flags`.

    Keys of `flags` are field names; None is a flag that was not given. Raises SettingsError, which names the key, for
    an unknown key or an unusable value.
    """
    # Every value keeps the name under which it was given, for the errors.
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
    # A short secret could be guessed, and with it every token.
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
            raise SettingsError(f"{source} has {item!r}, which is not an address like https://cdn.example/films/")
    return tuple(item if item.endswith("/") else item + "/" for item in items) if name == "base_urls" else items
