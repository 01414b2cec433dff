"""Places in the checkout."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "manifests" / "golden"
"""Files that pin the bytes of what other programs read."""
