"""The front door and the frame of the project: light to open, every command explains itself, nothing leaks in."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from neudash import cli

ROOT = Path(cli.__file__).parents[1]
HEAVY = {"tensorflow", "keras", "openvino", "cv2", "av", "numpy", "fastapi", "rich"}
PACKAGES = ("console", "neudash", "manifests", "media", "packager", "trainer", "player", "server", "report")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()


def modules_after(code: str) -> set[str]:
    """Names of the top-level modules that a fresh interpreter has loaded after running `code`."""
    script = (
        f"import contextlib, io, sys\nwith contextlib.redirect_stdout(io.StringIO()):\n    {code}\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["no-such-command"]])
def test_the_front_door_itself_loads_nothing_heavy(arguments: list[str]) -> None:
    assert not modules_after(f"from neudash import cli; cli.main({arguments})") & HEAVY


@pytest.mark.parametrize(
    "module", ["packager.pipeline", "packager.cli", "server.app", "server.cli", "neudash.inspect.cli"]
)
def test_packaging_serving_and_inspecting_load_no_network_library(module: str) -> None:
    assert not modules_after(f"import {module}") & {"tensorflow", "keras", "openvino", "jax", "torch", "onnx"}


@pytest.mark.parametrize("command", [*cli.COMMANDS, "model export"])
def test_every_command_explains_itself_by_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert re.search(r"^examples?:", text, re.MULTILINE), "no example"
    assert f"neudash {command}" in text
    assert not re.search(r"default:\s+(None|True|False)", text), "a word of Python, not of the command"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train b --source v --steps many", "--steps: 'many' is not a whole number from 1"),
        ("train b --source v --jobs 0", "--jobs: '0' is not a whole number from 1"),
        ("report b --source v --every -1", "--every: '-1' is not a whole number from 0"),
        ("play b --loop 1.5", "--loop: '1.5' is not a whole number from 1 to 1000000"),
        ("play b --out x.avi", "--out: x.avi ends in none of .mp4, .mkv, .y4m"),
        ("image b in.png out.jpg --segment 1", "out.jpg does not end in .png"),
        ("play b --buffer full", "--buffer: 'full' is not a number of seconds above 0, up to 3600"),
        ("inspect b --timeout 0", "--timeout: '0' is not a number of seconds above 0"),
        ("demo --seconds inf", "--seconds: 'inf' is not a number of seconds above 0"),
        ("demo --steps 0", "--steps: '0' is not a whole number from 1"),
    ],
)
def test_a_wrong_value_is_refused_in_words(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(line.split())
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_ctrl_c_while_a_program_is_being_loaded_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupted)
    assert cli.main(["package", "video.mp4", "-o", "bundle"]) == 130
    assert capsys.readouterr().err == "neudash package: interrupted\n"


def documented_lines() -> list[str]:
    """Command lines of the README's code blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("neudash ")]


@pytest.mark.parametrize("line", documented_lines())
def test_what_the_readme_types_is_understood(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = words[:2] if words[0] == "model" else words[:1]
    with pytest.raises(SystemExit):
        cli.main([*command, "--help"])
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", capsys.readouterr().out))
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= known


def test_the_readme_shows_every_command() -> None:
    assert {line.split()[1] for line in documented_lines()} == set(cli.COMMANDS)


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"],
    ids=lambda page: page.name,
)
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_help_of_a_command_is_that_command_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["help", "package"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: neudash package")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    assert set(cli.COMMANDS) <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["package"], ["serve", "--no-such-flag"]])
def test_a_wrong_question_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status: object = cli.main(arguments)
    except SystemExit as ended:  # argparse's way
        status = ended.code
    assert status == 2
    capsys.readouterr()


@pytest.mark.parametrize("name", ["packager", "trainer", "player", "server"])
def test_each_program_is_also_a_module(name: str) -> None:
    done = subprocess.run([sys.executable, "-m", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: neudash ")


@pytest.mark.parametrize("name", PACKAGES)
def test_nothing_on_the_path_shadows_our_names(name: str, tmp_path: Path) -> None:
    script = f"import importlib.util; print(importlib.util.find_spec({name!r}).origin)"
    # From a folder that is not ours: what an installed `neudash` would import.
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ROOT in Path(done.stdout.strip()).parents


def test_exactly_the_planned_packages_are_installed() -> None:
    assert {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]} == set(
        PACKAGES
    )
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == {*PACKAGES, "bench"}
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_import_contracts_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def lock_entries() -> dict[str, list[tuple[str, str]]]:
    """Canonical name -> (version, the whole entry); several where platforms differ."""
    entries: dict[str, list[tuple[str, str]]] = {}
    for entry in re.split(r"\n(?=\S)", LOCK.strip()):
        name, version = re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry).groups()
        entries.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append((version, entry))
    return entries


def test_the_lock_holds_a_fitting_version_of_every_dependency() -> None:
    project, entries = PROJECT["project"], lock_entries()
    # The GPU extra brings another build of TensorFlow; no environment has both.
    extras = [wanted for name, wanted in project["optional-dependencies"].items() if name != "gpu"]
    for text in [*project["dependencies"], *(line for wanted in extras for line in wanted)]:
        wanted = Requirement(text)
        versions = [version for version, _ in entries[re.sub(r"[-_.]+", "-", wanted.name).lower()]]
        assert versions and all(wanted.specifier.contains(Version(version)) for version in versions), text


def test_the_lock_pins_by_hash_and_names_no_address() -> None:
    for found in lock_entries().values():
        for _, entry in found:
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert "//" not in LOCK
    assert "index" not in re.sub(r"==.*|--hash=\S+", "", LOCK)


def test_no_file_knows_a_path_of_somebodys_machine() -> None:
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    homes = re.compile(rb"(?<![\w.$}~-])/(?:root|work|home|Users|tmp/w)/\w|[A-Z]:\\Users\\")
    for name in listing.decode().split("\0"):
        path = ROOT / name
        if path.is_file():
            assert not (found := homes.search(path.read_bytes())), f"{name}: {found and found.group()!r}"


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
class TestMakefile:
    """The first thing that a person meets."""

    def test_alone_it_lists_its_targets(self) -> None:
        done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
        for target in ("setup", "demo", "test", "check", "bench", "page", "lock", "clean"):
            assert f"make {target} " in done.stdout

    def test_every_target_that_is_spoken_of_is_there(self) -> None:
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        folders = [ROOT / name for name in ("docs", "bench", *PACKAGES)]
        texts = [
            *ROOT.glob("*.md"),
            *ROOT.glob("*.py"),
            *(p for f in folders for p in f.rglob("*") if "node_modules" not in p.parts),
        ]
        spoken = {
            (target, path.name)
            for path in texts
            if path.suffix in (".md", ".py")
            for target in re.findall(r"(?:^|`|<code>)make ([a-z]+)", path.read_text("utf-8"), re.MULTILINE)
        }
        assert {target for target, _ in spoken} >= {"setup", "demo", "test", "check", "bench", "page"}
        assert not {(target, name) for target, name in spoken if target not in targets}

    def test_an_unfit_python_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, tmp_path)
        old = tmp_path / "python3.9"
        old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 && exit\nexit 1\n')
        old.chmod(0o755)
        done = subprocess.run(["make", "setup", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        assert "Python 3.9.1 cannot run neudash" in done.stderr and "make setup PYTHON=" in done.stderr
        assert not (tmp_path / ".venv").exists()
