"""Serves fetched answers by uvicorn, with the least that an ASGI application can do.

`bench.server` calls this `bare`. Heads and bodies are fetched once from another server and kept; nothing is looked up,
read, counted or guarded. What this costs is uvicorn's own; what a server of ours costs beyond it is ours.
"""

from __future__ import annotations

import socket
import sys
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

# uvicorn adds these headers itself.
_OF_THE_SERVER = (b"date", b"server")


def main(urls: list[str]) -> None:
    """Prints the port, and serves the answers found under `urls` until it is killed."""
    answers = {urlsplit(url).path: _messages(url) for url in urls}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        start, body = answers[scope["path"]]
        await send(start)
        await send(body)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        config = uvicorn.Config(
            application, access_log=False, log_config=None, lifespan="off", proxy_headers=False, ws="none"
        )
        uvicorn.Server(config).run(sockets=[listening])


def _messages(url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the two ASGI messages that answer an unconditional GET."""
    for _ in range(2):
        # The first request opens the file; the second gets the answer of an open one.
        answer = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
    headers = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_SERVER]
    start = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
    return start, {"type": "http.response.body", "body": answer.content}


if __name__ == "__main__":
    main(sys.argv[1:])
