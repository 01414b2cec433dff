"""Measurements of the whole: `python -m bench.NAME --json FILE`. See bench/README.md."""
