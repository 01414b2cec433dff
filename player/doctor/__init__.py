"""`neudash doctor`: what works on this machine, what is missing and how to get it."""

from player.doctor.cli import main

__all__ = ["main"]
