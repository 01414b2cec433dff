"""Words of a command: an error in one line, a number with its noun."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """Returns an error as one line for stderr; for an OSError the file and the reason, without Python's number."""
    reason, name = getattr(error, "strerror", None), getattr(error, "filename", None)
    text = str(error) if reason is None else reason if name is None else f"{name}: {reason}"
    return " ".join(text.split())


def counted(number: int, thing: str) -> str:
    """`1 segment`, `2 segments`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
