"""Nothing needs neudash to be installed: a checkout that runs has no version to tell."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest

from console import version
from neudash import cli
from tests.support.paths import ROOT


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)


@pytest.mark.usefixtures("not_installed")
def test_it_is_unknown_where_nothing_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    assert version.neudash_version() == "unknown"
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "neudash unknown\n"


def test_installed_it_is_that_of_the_package() -> None:
    command = [sys.executable, "-m", "neudash", "--version"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == f"neudash {version.neudash_version()}\n"


def test_nobody_asks_for_it_otherwise() -> None:
    """Whoever does fails in such a checkout, the trainer after hours."""
    folders = ("console", "neudash", "manifests", "media", "packager", "trainer", "player", "server")
    modules = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    asking = [path.relative_to(ROOT).as_posix() for path in modules if 'version("neudash")' in path.read_text("utf-8")]
    assert asking == ["console/version.py"]
