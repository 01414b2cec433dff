"""Measures the player's speed and memory (`python -m bench.player`), and plays through faults (`.soak`)."""
