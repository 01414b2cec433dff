"""Measures what one tiny model per title gains (`python -m bench.first`)."""
