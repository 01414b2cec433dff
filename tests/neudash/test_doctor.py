"""The doctor: what the findings add up to, and one examination of this very machine."""

import json
from pathlib import Path

import pytest

from media.programs import find_program
from neudash.doctor import engines, isolated, machine, main, programs
from neudash.doctor.findings import Finding, hinders, jobs_possible, main_job_possible


def found(ok: bool, needed_for: tuple[str, ...] = (), one_of: tuple[str, ...] = ()) -> Finding:
    return Finding("thing", ok, "", needed_for=needed_for, one_of=one_of)


def test_a_job_lacks_what_it_needs_and_only_that() -> None:
    able = jobs_possible([found(False, needed_for=("report",)), found(True, needed_for=("package",))])
    assert not able["report"]
    assert able["package"]
    assert main_job_possible(able)


def test_one_engine_of_several_suffices() -> None:
    absent, present = found(False, one_of=("play", "train")), found(True, one_of=("play",))
    able = jobs_possible([absent, present])
    assert able["play"]
    assert not able["train"]
    assert not main_job_possible(able)
    assert hinders(absent, able)
    assert not hinders(present, able)


def test_what_nothing_needs_hinders_nothing() -> None:
    nice_to_have = found(False)
    assert not hinders(nice_to_have, jobs_possible([nice_to_have]))


def test_lines_that_crash_leave_the_doctor_alive() -> None:
    with pytest.raises(isolated.ProbeFailedError, match="ended with"):
        isolated.answer_of("import os; os._exit(77)", deadline_s=30)
    with pytest.raises(isolated.ProbeFailedError, match="ZeroDivisionError"):
        isolated.answer_of("1 / 0", deadline_s=30)
    with pytest.raises(isolated.ProbeFailedError, match=r"within 0\.5 s"):
        isolated.answer_of("import time; time.sleep(60)", deadline_s=0.5)


def test_an_absent_backend_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "installed", lambda module: module != "torch")
    finding = engines.keras_backend("torch")
    assert not finding.ok
    assert "torch" in finding.detail
    assert "pip install keras torch" in finding.remedy


def test_a_codec_that_does_not_exist_is_missing() -> None:
    finding = programs.codec("Odd encoder", "libodd", ("package",))
    assert not finding.ok
    assert "libodd" in finding.detail


def test_a_broken_ffmpeg_is_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEUDASH_FFMPEG", str(tmp_path / "absent"))
    find_program.cache_clear()
    finding = programs.ffmpeg()
    assert not finding.ok
    assert finding.remedy
    assert not programs.filter_of_ffmpeg("VMAF", "libvmaf", "").ok
    find_program.cache_clear()


def test_a_full_disk_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ENOUGH_DISK_BYTES", 10**21)
    assert not machine.disk().ok


def test_the_whole_examination_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The slowest probe imports TensorFlow; the trainer's tests do that anyway.
    monkeypatch.setattr(engines, "BACKENDS", {"jax": "jax"})
    report = tmp_path / "doctor.json"
    code = main(["--json", str(report)])
    said = json.loads(report.read_text(encoding="utf-8"))
    names = {finding["name"]: finding for finding in said["findings"]}
    assert code == (0 if said["ok"] else 1)
    assert names["ffmpeg"]["ok"]
    assert names["H.264 encoder"]["detail"] == "libx264"
    shown = capsys.readouterr().out
    assert "This machine can: " in shown
    assert all(name in shown for name in names)


def test_a_report_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neudash.doctor.cli.every_probe", lambda try_camera: [machine.python])
    assert main(["--json", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("neudash doctor: ")
