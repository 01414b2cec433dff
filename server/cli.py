"""`neudash serve`: opens the port, says where the bundles are, and runs until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.supervisors import Multiprocess

from server.app import create_app
from server.catalogue import Catalogue, Index
from server.settings import ServerError, ServerSettings, read_settings

_BACKLOG = 2048
# Players come back every segment; a connection that waits for one costs a few kilobytes.
_KEEP_ALIVE_S = 30

_EPILOG = """\
example:
  neudash serve demo-out --port 8000
  neudash play http://127.0.0.1:8000/bundles/NAME/manifest.mpd

Every flag is also an environment variable: NEUDASH_SERVER_PORT=8000. A flag wins."""


class NothingToServeError(ServerError):
    """No bundle below the folder."""


class PortError(ServerError):
    """The address cannot be listened on."""


def main(argv: list[str]) -> int:
    """Runs the command; returns its exit code."""
    flags = vars(_parser().parse_args(argv))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        serve(read_settings(os.environ, flags))
    except (ServerError, OSError) as error:
        print(f"neudash serve: {error}", file=sys.stderr)  # the command's one line of failure
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(settings: ServerSettings) -> None:
    """Serves until SIGTERM or Ctrl-C, printing each manifest's address first. Raises ServerError, OSError."""
    catalogue = Catalogue(settings.root, settings.rescan_s)
    index = catalogue.look()
    if not index.bundles:
        raise NothingToServeError(_nothing_below(settings.root, index))
    listening = listen(settings.host, settings.port)
    with listening:
        run = _runner(settings, catalogue, listening)
        port = listening.getsockname()[1]
        for bundle in index.bundles.values():
            print(address(settings.host, port) + bundle.manifest_url, flush=True)
        run()


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections from now on. Raises PortError, which says what to do."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        # A port can be reused at once after a restart; on Windows this would let two servers share it.
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PortError(
            f"cannot listen on {host} port {port}: {reason}; choose another with --port, 0 for any"
        ) from error
    return listening


def address(host: str, port: int) -> str:
    """The URL at which a client on this machine reaches a server that listens on `host`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _runner(settings: ServerSettings, catalogue: Catalogue, listening: socket.socket) -> Callable[[], None]:
    """What serves until it is told to stop. SIGTERM is heeded from now on, even before it is called."""
    several = settings.workers > 1
    config = uvicorn.Config(
        "server.app:from_environment" if several else create_app(settings, catalogue),
        factory=several,
        workers=settings.workers,
        # Counted and logged by server.metrics.
        access_log=False,
        log_config=None,
        log_level=logging.WARNING,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE_S,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=settings.graceful_s,
    )
    if several:
        # Workers are started anew and read their settings where anybody's would be read.
        os.environ.update(settings.to_environment())
        return Multiprocess(config, sockets=[listening]).run
    server = uvicorn.Server(config)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # uvicorn stops gently and then raises the signal again, which by default would end us as a crash does.
    signal.signal(signal.SIGTERM, stop)
    return lambda: server.run(sockets=[listening])


def _nothing_below(root: Path, index: Index) -> str:
    if not root.is_dir():
        return f"{root} is not a folder"
    for name, reason in index.broken.items():
        return f"no bundle below {root} can be served; {name}: {reason}"
    return f"no bundle below {root}: make one with `neudash package VIDEO -o {root / 'NAME'}`"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="neudash serve",
        description="Serve every bundle below a folder over HTTP, with a catalogue page.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = ServerSettings(Path())
    # No default here: a flag that is not given must not hide the environment.
    parser.add_argument("root", nargs="?", metavar="ROOT", help="folder with bundles, or a bundle")
    parser.add_argument("--host", help=f"address to listen on; 0.0.0.0 is all (default: {default.host})")
    parser.add_argument("--port", help=f"port; 0 takes any free one (default: {default.port})")
    parser.add_argument("--workers", help=f"processes (default: {default.workers})")
    parser.add_argument("--access-log", metavar="FILE", help="append one JSON line for each answer (default: none)")
    parser.add_argument(
        "--rescan-s",
        metavar="S",
        help=f"least seconds between looks at the disk (default: {default.rescan_s})",
    )
    parser.add_argument(
        "--max-connections",
        metavar="N",
        help=f"for each worker, then 503 (default: {default.max_connections})",
    )
    parser.add_argument(
        "--graceful-s",
        metavar="S",
        help=f"seconds that transfers may still take after SIGTERM (default: {default.graceful_s})",
    )
    return parser
