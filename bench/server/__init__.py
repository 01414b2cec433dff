"""Compares the server with nginx (`python -m bench.server`); `.soak` is a bad day, `.hostile` hostile clients."""
