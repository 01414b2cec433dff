"""Every input of `../shared/field/make-inputs.sh` comes out right, or ends in one clear sentence.

Packaging them all takes ten minutes, so this runs only if it is asked for: `make test ARGS="-m field"`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.field.expected import PARTS, RIGHT
from tests.field.judge import complaints
from tests.field.run import MAKING_S, Case, make_inputs, package

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.field, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def inputs(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all of them, made once."""
    script = shared_dir / "field" / "make-inputs.sh"
    if not script.is_file():
        pytest.skip("no field/make-inputs.sh in ../shared")
    folder = tmp_path_factory.mktemp("field")
    make_inputs(script, folder)
    return folder


@pytest.mark.timeout(MAKING_S)
def test_no_input_is_left_out(inputs: Path) -> None:
    made = {name for name in os.listdir(inputs) if not re.match(r"\.(?!96-)", name)}
    assert made - PARTS <= set(RIGHT)


@pytest.mark.parametrize("name", RIGHT, ids=lambda name: name.encode("ascii", "backslashreplace").decode()[:40])
def test_an_input_comes_out_right(name: str, inputs: Path, tmp_path: Path) -> None:
    if not (inputs / name).exists():
        pytest.skip(f"make-inputs.sh did not make {name!r}")
    assert complaints(RIGHT[name], package(Case(inputs / name, RIGHT[name]), tmp_path / "bundle")) == []
