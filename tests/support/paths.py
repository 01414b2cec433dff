"""Places in the checkout, and the files of a folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "manifests" / "golden"
"""Files that pin the bytes of what other programs read."""


def tree(root: Path) -> dict[str, bytes]:
    """Reads every file below a folder, by its path from there."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
