"""Runs the unit tests of the browser player, which are written in TypeScript beside it."""

import pytest

from web.build import BuildError, NodeMissingError, check

pytestmark = pytest.mark.slow


def test_the_unit_tests_of_the_browser_player_pass() -> None:
    try:
        check("test")
    except NodeMissingError as error:
        pytest.skip(str(error))
    except BuildError as error:
        pytest.fail(str(error))
