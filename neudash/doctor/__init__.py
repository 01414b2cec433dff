"""`neudash doctor`: what works on this machine, what is missing and how to get it."""

from neudash.doctor.cli import main

__all__ = ["main"]
