"""Firefox, driven over Marionette, its own protocol: length, colon, JSON over a socket. Nothing has to be installed."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_S = 60
PREFERENCES = {
    "marionette.port": 0,  # a free one, written into the profile
    "media.autoplay.default": 0,
    # Of its own accord it asks for nothing.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "services.settings.server": "data:,",
}


def firefox_path() -> str | None:
    """The Firefox of the system."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One window."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._count = 0
        self._answer()  # it greets
        self._command("WebDriver:NewSession", {})

    def go(self, url: str) -> None:
        """Opens an address and waits until it is loaded."""
        self._command("Marionette:SetContext", {"value": "content"})
        self._command("WebDriver:Navigate", {"url": url})

    def evaluate(self, expression: str) -> Any:
        """Evaluates a JavaScript expression in the page; a promise is waited for."""
        return self._command("WebDriver:ExecuteScript", {"script": f"return {expression}", "sandbox": None})["value"]

    def complaints(self) -> list[str]:
        """Errors in the console so far, of pages and of the browser itself."""
        script = """return Services.console.getMessageArray()
            .filter((m) => m instanceof Ci.nsIScriptError && !(m.flags & Ci.nsIScriptError.warningFlag))
            .map(String)"""
        self._command("Marionette:SetContext", {"value": "chrome"})
        found: list[str] = self._command("WebDriver:ExecuteScript", {"script": script})["value"]
        self._command("Marionette:SetContext", {"value": "content"})
        return found

    def _command(self, name: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        data = json.dumps([0, self._count, name, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._answer()
        if error:
            raise RuntimeError(f"{name}: {error['message']}")
        return result

    def _answer(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            length += self._read(1)
        return json.loads(self._read(int(length[:-1])))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._connection.recv(count - len(data))
            if not part:
                raise RuntimeError("Firefox has gone")
            data += part
        return data


@contextlib.contextmanager
def running_firefox(program: str, profile: Path) -> Iterator[Firefox]:
    """A headless one with a profile of its own, in an empty folder, until the block ends."""
    settings = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(settings))
    command = [program, "--headless", "--no-remote", "--profile", str(profile), "about:blank"]
    command += ["--marionette", "--remote-allow-system-access"]
    with (profile / "firefox.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            port = _port(profile / "MarionetteActivePort", process)
            with socket.create_connection(("127.0.0.1", port), timeout=START_S) as connection:
                yield Firefox(connection)
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s and process.poll() is None:
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.1)
    raise RuntimeError(f"Firefox does not start; see {file.parent / 'firefox.log'}")
