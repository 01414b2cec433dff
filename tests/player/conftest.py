"""Two sessions that all others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.player.sessions import Played, played

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def enhanced_session(play_bundle_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A session in which every model came."""
    return played(str(play_bundle_master), tmp_path_factory.mktemp("enhanced"))


@pytest.fixture(scope="session")
def plain_session(play_bundle_master: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A session without enhancement."""
    return played(str(play_bundle_master), tmp_path_factory.mktemp("plain"), "--no-enhance")
