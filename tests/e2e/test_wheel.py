"""The project as a wheel: everything that programs read at run time is in it, and it runs away from the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGES = ("manifests", "media", "packager", "trainer", "player", "server")


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built by the locked backend without a network, unpacked."""
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(TOP / package, source / package, ignore=ignored)
    for file in (*TOP.glob("neudash*.py"), *(TOP / n for n in ("pyproject.toml", "README.md", "LICENSE"))):
        shutil.copy(file, source)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), "."]
    subprocess.run(command, cwd=source, check=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def test_every_file_of_the_packages_is_in_it(unpacked_wheel: Path) -> None:
    here = {path.relative_to(TOP) for package in PACKAGES for path in (TOP / package).rglob("*") if path.is_file()}
    # Of the page, what was built of its sources.
    wanted = {path for path in here if path.suffix != ".pyc" and path.parts[:2] != ("server", "web")}
    there = {path.relative_to(unpacked_wheel) for path in unpacked_wheel.rglob("*")}
    assert wanted - there == set()


def test_it_brings_no_names_but_ours(unpacked_wheel: Path) -> None:
    """Plain words as names of packages are safe only as long as we know which."""
    names = {path.name for path in unpacked_wheel.iterdir() if not path.name.endswith(".dist-info")}
    modules = {path.name for path in TOP.glob("neudash*.py")}
    assert names == {*PACKAGES, *modules}


def test_the_server_runs_from_it(unpacked_wheel: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; import server; from server.app import create_app;"
        "from server.settings import ServerSettings; create_app(ServerSettings(Path('.'))); print(server.__file__)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked_wheel)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(result.stdout.strip()).is_relative_to(unpacked_wheel)
