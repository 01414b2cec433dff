"""The images, checked without an engine: compose accepts the file, commands and locks are true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE | re.IGNORECASE)
HEAVY = {"tensorflow", "tensorflow-cpu", "keras", "openvino", "torch", "jax"}


def pins(path: Path) -> set[tuple[str, str]]:
    """(name, version) of everything a lock pins."""
    return {(match[1].lower(), match[2]) for match in PIN.finditer(path.read_text())}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Those that run a program of ours."""
    every = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return {name: service for name, service in every.items() if service["image"].startswith("neudash-")}


def compose_config(**environment: str) -> dict[str, Any]:
    """The file as compose understands it, the profiles on that our programs are in."""
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed")
    profiles = ("gpu", "player")
    command = [program, *(word for name in profiles for word in ("--profile", name)), "config"]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return yaml.safe_load(result.stdout)


def test_compose_accepts_the_file_and_fills_in_the_video() -> None:
    config = compose_config(NEUDASH_VIDEO="film.mkv", NEUDASH_MEDIA="/films", NEUDASH_NAME="film", NEUDASH_PORT="9000")
    services = config["services"]
    assert {"packager", "trainer", "trainer-gpu", "server", "player"} <= set(services)
    assert services["packager"]["command"] == ["package", "/in/film.mkv", "-o", "/bundles/film"]
    assert "/films" in str(services["packager"]["volumes"])
    assert services["server"]["ports"] == ["127.0.0.1:9000:8000/tcp"]
    assert services["trainer-gpu"]["profiles"] == ["gpu"]


def test_every_service_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    done = "service_completed_successfully"
    assert waits == {
        "packager": {},
        "trainer": {"packager": done},
        "trainer-gpu": {"packager": done},
        "server": {"packager": done},
        "server-1": {"packager": done},
        "server-2": {"packager": done},
        "player": {"server": "service_healthy", "trainer": done},
    }
    assert "healthcheck" in services["server"]


def test_no_service_can_do_more_than_it_needs(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert [volume["read_only"] for volume in services["server"]["volumes"]] == [True]
    dockerfile = (ROOT / "Dockerfile").read_text()
    for service in services.values():
        stage = re.search(rf"^FROM (\S+) AS {service['build']['target']}$", dockerfile, re.MULTILINE)
        assert stage and stage[1] in ("plain", "pixels")
    # Both of these end as the user without rights.
    assert re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE) == ["neudash", "root", "neudash"]


@pytest.mark.parametrize("name", ["packager", "trainer", "trainer-gpu", "server", "player"])
def test_a_service_calls_a_command_with_flags_that_exist(services: dict[str, Any], name: str) -> None:
    command, *arguments = services[name]["command"]
    result = subprocess.run(
        [sys.executable, "-m", "neudash", command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    known = set(re.findall(r"(?<!\S)\[?(-{1,2}[a-z][a-z-]*)", result.stdout))
    assert {argument for argument in arguments if argument.startswith("-")} <= known


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_a_lock_has_versions_and_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert pins(lock)
    assert not re.search(r"://|--index|--find-links", text)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in requirement


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if "gpu" not in lock.stem], ids=lambda path: path.stem)
def test_a_lock_agrees_with_the_one_for_development(lock: Path) -> None:
    assert pins(lock) <= pins(ROOT / "requirements.lock")


def test_the_gpu_lock_has_no_second_version_of_anything() -> None:
    """Packages that are also in the lock for development have the same versions there; CUDA is in this lock alone."""
    everything = pins(ROOT / "requirements.lock")
    names = {name for name, _ in everything}
    assert {pin for pin in pins(ROOT / "requirements/trainer-gpu.lock") if pin[0] in names} <= everything


def test_packager_and_server_have_no_network_library() -> None:
    assert not {name for name, _ in pins(ROOT / "requirements/base.lock")} & HEAVY
    assert {name for name, _ in pins(ROOT / "requirements/trainer.lock")} & HEAVY


def test_each_image_installs_a_lock_that_exists() -> None:
    used = set(re.findall(r"requirements/([a-z-]+\.lock)", (ROOT / "Dockerfile").read_text()))
    assert used == {lock.name for lock in LOCKS}
