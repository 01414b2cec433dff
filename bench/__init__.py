"""Measures the whole system: `python -m bench.NAME --json FILE`. See bench/README.md."""
