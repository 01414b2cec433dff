"""A small input of each kind that broke in the field comes out right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packager.cli import main
from tests.field.inputs import Maker
from tests.field.judge import complaints
from tests.field.kinds import KINDS
from tests.field.run import outcome

if TYPE_CHECKING:
    from pathlib import Path

# A source that becomes hours of video fails sooner.
pytestmark = [pytest.mark.timeout(100), pytest.mark.slow]

OPTIONS = ("--rungs", "108@crf20", "--preset", "ultrafast", "--segment-seconds", "1", "--quiet")


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """One folder for all kinds, so that what they have in common is made once."""
    return Maker(tmp_path_factory.mktemp("kinds"))


@pytest.mark.parametrize("name", KINDS, ids=lambda name: name.encode("ascii", "replace").decode())
def test_a_kind_comes_out_right(name: str, make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind, bundle = KINDS[name], tmp_path / "bundle"
    status = main([str(kind.make(make, name)), "-o", str(bundle), *OPTIONS, *kind.options])
    assert complaints(kind.right, outcome(kind.right, bundle, status, capsys.readouterr().err)) == []
