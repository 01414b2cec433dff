"""Compares the bundle that default commands make with the best plain ladders, every byte counted."""
