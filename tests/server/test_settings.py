"""Default < environment < flag, and nothing unknown is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import ServerSettings, SettingsError, read_settings


def test_a_flag_beats_the_environment_which_beats_the_default() -> None:
    environment = {"NEUDASH_SERVER_PORT": "9001", "NEUDASH_SERVER_HOST": "::1", "PATH": "/bin"}
    settings = read_settings(environment, {"root": "films", "port": "0", "host": None, "workers": None})
    assert settings == ServerSettings(Path("films"), host="::1", port=0, workers=1)


def test_the_root_may_come_from_the_environment() -> None:
    assert read_settings({"NEUDASH_SERVER_ROOT": "films"}, {}).root == Path("films")
    with pytest.raises(SettingsError, match="NEUDASH_SERVER_ROOT"):
        read_settings({}, {"root": None})


def test_an_unknown_key_is_named_with_its_nearest_neighbour() -> None:
    with pytest.raises(SettingsError, match=r"NEUDASH_SERVER_PORTS.*did you mean NEUDASH_SERVER_PORT"):
        read_settings({"NEUDASH_SERVER_PORTS": "1"}, {"root": "films"})


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("WORKERS", "0"),
        ("RESCAN_S", "nan"),
        ("GRACEFUL_S", ""),
        ("PROTOCOL", "fast"),
        ("BASE_URLS", "cdn.example/films"),
        ("BASE_URLS", "https://cdn.example/?a=b"),
        ("HEAD_BYTES", "10"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(key: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"NEUDASH_SERVER_{key}"):
        read_settings({f"NEUDASH_SERVER_{key}": text}, {"root": "films"})


def test_an_error_in_a_flag_names_the_flag() -> None:
    with pytest.raises(SettingsError, match="--max-connections is 'many'"):
        read_settings({}, {"root": "films", "max_connections": "many"})


def test_workers_read_the_same_settings_from_the_environment() -> None:
    settings = ServerSettings(
        Path("films"),
        port=1,
        workers=3,
        access_log=Path("a.log"),
        rescan_s=0.25,
        base_urls=("https://one.example/", "https://two.example/a/"),
        private=("family", "work"),
        secret="sixteen characters",
        metrics_folder=Path("totals"),
    )
    assert read_settings(settings.to_environment(), {}) == settings
