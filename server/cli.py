"""Runs `neudash serve`: opens the port, prints the addresses of the bundles, and serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import uvicorn
from uvicorn.supervisors import Multiprocess

from console.command import command, command_parser
from manifests.files import check_writable
from server.access import sign
from server.app import create_app
from server.catalogue import Catalogue, Index
from server.file_app import Front
from server.settings import PROTOCOLS, ServerError, ServerSettings, SettingsError, read_settings

logger = logging.getLogger("server")

_BACKLOG = 2048
# Players ask again for every segment; a connection kept open in between costs a few kilobytes.
_KEEP_ALIVE_S = 30
# A worker without a sign of life for this long is replaced; long enough for a machine that stalls for a moment.
_SILENT_S = 20

_EPILOG = """\
example:
  neudash serve demo-out --port 8000
  neudash play http://127.0.0.1:8000/bundles/NAME/manifest.mpd

Every flag except --token can also be set by an environment variable (NEUDASH_SERVER_PORT=8000); a flag overrides it.
The secret that signs tokens for private bundles can only be set by its variable, NEUDASH_SERVER_SECRET;
`neudash serve --token NAME` prints a token and exits. More is in docs/serving.md."""


class NothingToServeError(ServerError):
    """Raised if there is no bundle below the folder."""


class PortError(ServerError):
    """Raised if the address cannot be listened on."""


@command("neudash serve", interrupted="stopped")
def main(argv: list[str]) -> int:
    """Runs the command and returns its exit code."""
    flags = vars(_parser().parse_args(argv))
    token_for = flags.pop("token")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    settings = read_settings(os.environ, flags)
    if token_for is None:
        serve(settings)
    elif not settings.secret:
        raise SettingsError("tokens need NEUDASH_SERVER_SECRET, with the server's own secret")
    else:
        print(sign(settings.secret, token_for))
    return 0


def serve(settings: ServerSettings) -> None:
    """Serves until SIGTERM or Ctrl-C, and prints each manifest's address first. Raises ServerError, OSError."""
    catalogue = Catalogue(settings.root, settings.rescan_s)
    index = catalogue.look()
    if not index.bundles:
        raise NothingToServeError(_nothing_below(settings.root, index))
    # Checked here, because a worker that cannot write its totals goes on without them.
    if settings.metrics_folder is not None:
        check_writable(settings.metrics_folder / "metrics.json")
    listening = listen(settings.host, settings.port)
    with listening:
        run = _runner(settings, catalogue, listening)
        port = listening.getsockname()[1]
        # Printed while the socket already accepts: whoever reads the address can connect at once.
        for bundle in index.bundles.values():
            print(address(settings.host, port) + bundle.manifest_url, flush=True)
        run()


def listen(host: str, port: int) -> socket.socket:
    """Opens a socket that accepts connections from now on. Raises PortError, which says what to do."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        # POSIX: a restart may take its old port at once. On Windows the option would let two servers share a port.
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        # The host is at fault if its name does not resolve or its address belongs to another machine.
        is_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        remedy = "--host takes an address of this machine" if is_host else "choose another with --port, 0 for any"
        raise PortError(f"cannot listen on {host} port {port}: {reason}; {remedy}") from error
    return listening


def address(host: str, port: int) -> str:
    """Returns the URL at which a client on this machine reaches a server that listens on `host`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _runner(settings: ServerSettings, catalogue: Catalogue, listening: socket.socket) -> Callable[[], None]:
    """Returns the function that serves until a stop. With a single worker, SIGTERM is obeyed even before."""
    several = settings.workers > 1
    _allow_descriptors(settings)
    config = configured(settings, "server.app:from_environment" if several else create_app(settings, catalogue))
    if several:
        return lambda: _run_workers(settings, config, listening)
    server = uvicorn.Server(config)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn stops gently and then raises the signal again, which by default would kill the process.
    signal.signal(signal.SIGTERM, stop)
    return lambda: server.run(sockets=[listening])


def configured(settings: ServerSettings, application: Front | str) -> uvicorn.Config:
    """Returns uvicorn's configuration for an application, or for its factory, named as `module:function`."""
    return uvicorn.Config(
        application,
        factory=isinstance(application, str),
        interface="asgi3",
        http=_protocol(settings),
        workers=settings.workers,
        # server.metrics counts and logs instead.
        access_log=False,
        log_config=None,
        # uvicorn logs a warning for every malformed request, with which a client could fill the disk.
        log_level=logging.ERROR,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_S,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=settings.graceful_s,
        timeout_worker_healthcheck=_SILENT_S,
    )


def _run_workers(settings: ServerSettings, config: uvicorn.Config, listening: socket.socket) -> None:
    with tempfile.TemporaryDirectory(prefix="neudash-serve-") as folder:
        shared = replace(settings, metrics_folder=settings.metrics_folder or Path(folder))
        # Workers are new processes that read their settings from the environment, like any server.
        os.environ.update(shared.to_environment())
        Multiprocess(config, sockets=[listening]).run()


def _protocol(settings: ServerSettings) -> type[asyncio.Protocol] | Literal["auto"]:
    """Returns GuardedProtocol if the settings want it and the installed uvicorn is compatible, or else "auto"."""
    if settings.protocol == "plain":
        return "auto"
    try:
        from server.protocol import GuardedProtocol
        from server.protocol_check import contract_problem
    except ImportError as error:
        problem: str | None = str(error)
    else:
        problem = contract_problem(GuardedProtocol, settings)
        if problem is None:
            return GuardedProtocol
    logger.warning(
        "serving by uvicorn's own protocol, which has no deadlines and no limit on request heads, because ours does "
        "not fit uvicorn %s (%s); put a proxy in front",
        uvicorn.__version__,
        problem,
    )
    return "auto"


def _allow_descriptors(settings: ServerSettings) -> None:
    """Raises the limit on open descriptors, as far as the system permits, to what connections and files need."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + settings.open_files + 100
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard < 0 else min(needed, hard), hard))


def _nothing_below(root: Path, index: Index) -> str:
    if not root.is_dir():
        return f"{root} is not a folder" if root.exists() else f"there is no folder {root}"
    for name, reason in index.broken.items():
        return f"no bundle below {root} can be served; {name}: {reason}"
    return f"no bundle below {root}: make one with `neudash package VIDEO -o {root / 'NAME'}`"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash serve", "Serve every bundle below a folder over HTTP, with a catalogue page.", _EPILOG
    )
    # No defaults here, because a flag that is not given must not override the environment.
    parser.add_argument("root", nargs="?", metavar="ROOT", help="folder with bundles, or one bundle")
    parser.add_argument("--token", metavar="NAME", help="print a token for a name given to --private, and exit")
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        for name, metavar, text in options:
            group.add_argument("--" + name.replace("_", "-"), metavar=metavar, help=f"{text} ({_default(name)})")
    return parser


def _default(name: str) -> str:
    value = getattr(ServerSettings(Path()), name)
    return "default: none" if value in (None, (), "") else f"default: {value}"


# The secret is not a flag: every user of the machine can read command lines.
_OPTIONS = {
    "where": (
        ("host", "HOST", "address to listen on; 0.0.0.0 means all"),
        ("port", "PORT", "port to listen on; 0 takes any free one"),
        ("base_urls", "URL,URL", "CDNs that fetch from here, best first; manifests name them as places of segments"),
    ),
    "speed and memory": (
        ("workers", "N", "processes that share the port; best is one for each core"),
        ("open_files", "N", "files that a worker keeps open"),
        ("rescan_s", "S", "shortest time in seconds between looks at the disk for new, changed and removed bundles"),
        ("protocol", "NAME", f"HTTP protocol: {', '.join(PROTOCOLS)}; plain is uvicorn's own, without deadlines"),
    ),
    "guards": (
        ("max_connections", "N", "connections that a worker accepts; more are answered 503"),
        ("head_s", "S", "seconds in which a whole request must arrive"),
        ("head_bytes", "N", "largest head of a request in bytes; larger ones are answered 431"),
        ("stalled_s", "S", "seconds in which a reader must take a megabyte"),
        ("waiting_mb", "MB", "megabytes that may wait for slow readers; above it, those that wait longest are closed"),
        ("graceful_s", "S", "seconds that running transfers may take after SIGTERM"),
        ("requests_per_s", "N", "requests per second of one address to a worker; more are answered 429; 0: no limit"),
        ("private", "NAME,NAME", "bundles, or folders of bundles, that need a token; * means all"),
        ("token_hours", "N", "hours for which a token opens its bundle"),
    ),
    "watching": (
        ("access_log", "FILE", "append one JSON line for each answer"),
        ("metrics_folder", "DIR", "where workers add up the totals of /metrics; without it, a temporary folder"),
    ),
}
