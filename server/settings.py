"""Reads the server's settings: defaults, overridden by the environment, overridden by flags. They are read once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from manifests.errors import NeudashError

PREFIX = "NEUDASH_SERVER_"
Protocol = Literal["direct", "guarded", "plain"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
_SHORTEST_SECRET = 16


class ServerError(NeudashError):
    """Root of the errors that this package raises."""


class SettingsError(ServerError):
    """Raised for a setting that is unknown, missing, or has an unusable value."""


def _items(value: object) -> object:
    """Splits text at its commas; leaves anything else as it is."""
    return tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not an address like https://cdn.example/films/")
    return text if text.endswith("/") else text + "/"


_MOST = 10**9
Count = Annotated[int, Field(ge=1, le=_MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=_MOST)]
Names = Annotated[tuple[str, ...], BeforeValidator(_items)]
BaseUrls = Annotated[tuple[Annotated[str, BeforeValidator(_base_url)], ...], BeforeValidator(_items)]


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a server. Each field can also be set by `NEUDASH_SERVER_<FIELD>`."""

    root: Path
    """Folder that is searched for bundles; may itself be a bundle."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 lets the system choose a free one."""
    workers: Count = 1
    """Processes that share the listening socket."""
    access_log: Path | None = None
    """File to which one JSON line is appended for each answer; None for no log."""
    rescan_s: Annotated[float, Field(ge=0, le=_MOST, allow_inf_nan=False)] = 1.0
    """Shortest time between two looks at the disk for new, changed and removed bundles; 0 looks for every request."""
    max_connections: Count = 4096
    """Number of connections that a worker accepts before it answers 503."""
    graceful_s: CountOrZero = 10
    """Seconds that running transfers may take after a request to stop."""
    protocol: Protocol = "direct"
    """HTTP protocol: `direct` has guards and writes unconditional answers without the framework, `guarded` has only the
    guards, `plain` is uvicorn's own."""
    head_s: Count = 10
    """Seconds in which a whole request must arrive, from its first byte or from the opening of the connection."""
    head_bytes: Annotated[int, Field(ge=1024, le=_MOST)] = 16384
    """Size limit of a request's head; larger ones are answered 431."""
    stalled_s: Count = 30
    """Seconds in which a reader must take what waits for it (at most a megabyte) before its connection is closed."""
    waiting_mb: Count = 256
    """Megabytes that may wait for slow readers in a worker; above it, those that wait longest are closed."""
    open_files: Count = 512
    """Number of files that a worker keeps open."""
    base_urls: BaseUrls = ()
    """Base URLs of CDNs that fetch from here, best first, each ending in `/`; manifests list them for segments."""
    private: Names = ()
    """Bundles, or folders of bundles, that need a token; `*` means all."""
    secret: str = ""
    """Key that signs tokens; also the operator's own token for every bundle."""
    token_hours: Count = 12
    """Hours for which a token opens its bundle."""
    requests_per_s: CountOrZero = 0
    """Requests per second that one address may send to a worker, with bursts of twice as many; 0 for no limit."""
    metrics_folder: Path | None = None
    """Folder in which workers share their totals; None for a temporary folder that is removed when the server ends."""

    def to_environment(self) -> dict[str, str]:
        """Returns environment variables from which `read_settings` makes these settings again, for worker processes."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {PREFIX + name.upper(): str(value) for name, value in texts.items() if value not in (None, "")}


def read_settings(environment: Mapping[str, str], flags: Mapping[str, str | None]) -> ServerSettings:
    """Returns the settings from `environment` (its `NEUDASH_SERVER_*` keys), overridden by `flags`.

    Keys of `flags` are field names; None is a flag that was not given. Raises SettingsError, which names the key, for
    an unknown key or an unusable value.
    """
    # The name under which each value was given is kept for the errors.
    sources = {_field_of(key): key for key in sorted(environment) if key.startswith(PREFIX)}
    texts = {name: environment[key] for name, key in sources.items()}
    for name, text in flags.items():
        if text is not None:
            sources[name], texts[name] = "--" + name.replace("_", "-"), text
    if "root" not in texts:
        raise SettingsError(f"no folder to serve: name one, or set {PREFIX}ROOT")
    try:
        settings = TypeAdapter(ServerSettings).validate_python(texts)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        # "Input should be ..." and "Value error, ..." are pydantic's openings.
        message = problem["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        raise SettingsError(f"{sources[name]} is {texts[name]!r}: {message}") from None
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
