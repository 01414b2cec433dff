"""Findings of the doctor, and the jobs that they allow or prevent. No probing here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

JOBS = ("package", "train", "serve", "play", "report")
MAIN_JOBS = ("package", "train", "serve", "play")
"""Steps of `neudash demo`, in order."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's answer."""

    name: str
    ok: bool
    detail: str
    """Version, path, size; or what went wrong."""
    remedy: str = ""
    """Way to get what is missing."""
    needed_for: tuple[str, ...] = ()
    """Jobs that cannot do without."""
    one_of: tuple[str, ...] = ()
    """Jobs for which one of all the findings that name them here suffices."""


Probe = Callable[[], Finding]


def jobs_possible(findings: Sequence[Finding]) -> dict[str, bool]:
    """Returns for each job True if this machine can do it."""
    return {job: _possible(job, findings) for job in JOBS}


def _possible(job: str, findings: Sequence[Finding]) -> bool:
    choice = [finding.ok for finding in findings if job in finding.one_of]
    return all(f.ok for f in findings if job in f.needed_for) and (not choice or any(choice))


def main_job_possible(able: dict[str, bool]) -> bool:
    return all(able[job] for job in MAIN_JOBS)


def hinders(finding: Finding, able: dict[str, bool]) -> bool:
    """Returns True if the finding prevents a job; an optional part prevents nothing."""
    jobs = (*finding.needed_for, *finding.one_of)
    return not finding.ok and any(not able[job] for job in jobs)
