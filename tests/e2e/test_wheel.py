"""The project as a wheel: everything that programs read at run time is in it, and it runs away from the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.slow

PACKAGES = ("console", "neudash", "manifests", "media", "packager", "trainer", "player", "server", "report")
posix = pytest.mark.skipif(os.name != "posix", reason="the programs of a virtual environment lie elsewhere")


@pytest.fixture(scope="module")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built by the locked backend without a network, unpacked."""
    pytest.importorskip("setuptools")
    source = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    for file in (*ROOT.glob("neudash*.py"), *(ROOT / n for n in ("pyproject.toml", "README.md", "LICENSE"))):
        shutil.copy(file, source)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(out), "."]
    subprocess.run(command, cwd=source, check=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def test_every_file_of_the_packages_is_in_it(unpacked_wheel: Path) -> None:
    here = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    # Of the page, what was built of its sources.
    wanted = {path for path in here if path.suffix != ".pyc" and path.parts[:2] != ("server", "web")}
    there = {path.relative_to(unpacked_wheel) for path in unpacked_wheel.rglob("*")}
    assert wanted - there == set()


def test_it_brings_no_names_but_ours(unpacked_wheel: Path) -> None:
    """Plain words as names of packages are safe only as long as we know which."""
    names = {path.name for path in unpacked_wheel.iterdir() if not path.name.endswith(".dist-info")}
    assert names == set(PACKAGES)


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


@pytest.fixture(scope="module")
def installed(unpacked_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a virtual environment in which the wheel is installed, with our own libraries."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (wheel,) = unpacked_wheel.parent.glob("*.whl")
    install = ["--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return folder / "bin"


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """A folder with modules of our names that end whatever imports them."""
    folder = tmp_path / "strangers"
    folder.mkdir()
    for name in set(PACKAGES) - {"neudash"}:
        (folder / f"{name}.py").write_text("raise SystemExit('a stranger was imported')\n")
    return folder


@posix
@pytest.mark.parametrize("where", ["PYTHONPATH", "current folder", "empty step of PYTHONPATH"])
@pytest.mark.parametrize("command", ["inspect", "verify", "play", "doctor", "demo"])
def test_no_stranger_s_module_is_imported_for_ours(
    installed: Path, strangers: Path, packaged_bundle: Path, command: str, where: str
) -> None:
    python_path = {"PYTHONPATH": str(strangers), "current folder": "", "empty step of PYTHONPATH": f"{os.pathsep}/x"}
    arguments = {"doctor": ["--help"], "demo": ["--help"]}.get(command, [str(packaged_bundle)])
    done = subprocess.run(
        [str(installed / "neudash"), command, *arguments],
        cwd=strangers,
        env={**os.environ, "PYTHONPATH": python_path[where]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@posix
@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_worker_of_the_server_imports_a_stranger_s_module(
    installed: Path, strangers: Path, packaged_bundle: Path, workers: str
) -> None:
    server = subprocess.Popen(
        [str(installed / "neudash"), "serve", str(packaged_bundle), "--port", "0", "--workers", workers],
        cwd=strangers,
        env={**os.environ, "PYTHONPATH": str(strangers)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.read() == (packaged_bundle / "manifest.mpd").read_bytes()
    finally:
        server.terminate()
        server.wait(60)


_CHILDREN = """
import subprocess
from functools import partial

from neudash import cli

if __name__ == "__main__":
    cli._put_own_packages_first()
    from neudash.steps import neudash_command
    from neudash.doctor.isolated import answer_of
    from trainer.processes import run_in_processes

    subprocess.run(neudash_command(["demo", "--help"]), check=True)
    assert answer_of("import json, media.frames; print(json.dumps(1))", deadline_s=60) == 1
    from trainer.choice.networks import trained_network
    print(run_in_processes([partial(trained_network, "c4d1")] * 2, 2)[0].name)
"""


@posix
def test_no_process_that_is_started_imports_a_stranger_s_module(installed: Path, strangers: Path) -> None:
    """Those of the demo, of the doctor and of the trainer."""
    (strangers / "script.py").write_text(_CHILDREN)
    done = subprocess.run(
        [str(installed / "python"), "script.py"],
        cwd=strangers,
        env={**os.environ, "PYTHONPATH": str(strangers)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "c4d1"
