"""The output folder: whose it is, whether it is done, and making room in it without ever a half bundle."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from manifests.bundle import MANIFEST, MASTER_PLAYLIST, POSTER, PROVENANCE, QUALITY, read_json
from manifests.errors import BundleError
from packager.errors import OutputFolderError
from packager.workfolder import FOLDER

_FOLDERS = ("video", "audio", "models")
_FILES = (MASTER_PLAYLIST, "playlist_*.m3u8", QUALITY, PROVENANCE, POSTER)


def check_output(bundle: Path) -> None:
    """Refuse a folder that holds files and is neither a bundle nor one in the making. Raises OutputFolderError."""
    if bundle.exists() and not bundle.is_dir():
        raise OutputFolderError(f"{bundle} is a file; name a folder for the bundle")
    if not bundle.is_dir() or (bundle / MANIFEST).exists() or (bundle / FOLDER).exists():
        return
    if any(bundle.iterdir()):
        raise OutputFolderError(f"{bundle} is not empty and holds no bundle; name a new or an empty folder")


def is_done(bundle: Path, settings: dict[str, Any], *, force: bool) -> bool:
    """Whether the folder holds the bundle that these settings make.

    Raises OutputFolderError where it holds another one and `force` does not say to replace it.
    """
    if not (bundle / MANIFEST).exists() or force:
        return False
    try:
        held = read_json(bundle, PROVENANCE).get("packaging", {}).get("settings", {})
    except BundleError:
        held = {}
    differing = sorted(name for name in settings if held.get(name) != settings[name])
    if not differing:
        shutil.rmtree(bundle / FOLDER, ignore_errors=True)  # of a run that was killed after it had published
        return True
    raise OutputFolderError(
        f"{bundle} holds a bundle made otherwise ({', '.join(differing)}); "
        "name another folder, or replace it with --force"
    )


def clear_bundle(bundle: Path) -> None:
    """Unpublish what is there, manifest first: from then on the folder is no bundle until it is a new one."""
    (bundle / MANIFEST).unlink(missing_ok=True)
    for pattern in _FILES:
        for path in bundle.glob(pattern):
            path.unlink()
    for name in _FOLDERS:
        if (bundle / name).exists():
            shutil.rmtree(bundle / name)
