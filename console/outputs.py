"""Output files that a person names: checked before minutes of work, written to the place that they lead to.

A regular file is replaced whole. A symbolic link stays, and its target is replaced. A device, a pipe or an open
descriptor (`/dev/null`, a FIFO, `/dev/stdout`, `/dev/fd/3`) is written to. Files inside a bundle are not written here:
a link in a bundle may be hostile, so `publish_file` replaces the link itself.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from manifests.errors import BundleError
from manifests.files import check_writable, publish_file

STDOUT = Path("/dev/stdout")
_STANDARD = {Path("/dev/stdin"): 0, STDOUT: 1, Path("/dev/stderr"): 2}
_MOST_LINKS = 40
"""Symbolic links that are followed, the limit of Linux."""


class OverwritesError(BundleError):
    """An output that would take the place of an input, or of another output."""


def output_file(text: str) -> Path:
    """Parses, for argparse, a file to write; `-` is standard output."""
    return STDOUT if text == "-" else Path(text)


def output_ending_in(*suffixes: str) -> Callable[[str], Path]:
    """Returns an argparse `type` for a file to write whose name ends in one of `suffixes`, such as `.png`; or a
    stream."""

    def parsed(text: str) -> Path:
        path = output_file(text)
        if not text.lower().endswith(suffixes) and not is_stream(path):
            raise ArgumentTypeError(f"{text} does not end in {suffixes[0]}")
        return path

    return parsed


def output_folder(text: str) -> Path:
    """Parses, for argparse, a folder to make or fill; a dangling link stands for its target."""
    path = Path(text)
    with suppress(OSError):  # a loop of links is found out, and named, when the folder is made
        return place_of(path) if path.is_symlink() and not path.exists() else path
    return path


def place_of(path: Path) -> Path:
    """Follows the symbolic links that start at `path`, even if no file is there. Raises OSError for a loop."""
    for _ in range(_MOST_LINKS):
        place = Path(os.path.realpath(path.parent)) / path.name
        # An open descriptor looks like a link to what it has open, and that may have no name at all.
        if _descriptor(place) is not None or not place.is_symlink():
            return place
        path = place.parent / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def is_stream(path: Path) -> bool:
    """Returns True if `path` leads to a device, a pipe or an open descriptor: written to, not replaced."""
    try:
        place = place_of(path)
        mode = None if _descriptor(place) is not None else place.stat().st_mode
    except OSError:  # nothing is there, or nothing that can be reached: writing it will say why
        return False
    return mode is None or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def check_distinct(outputs: Iterable[Path], inputs: Iterable[Path] = ()) -> None:
    """Raises OverwritesError if two outputs, or an output and an input, are one file; OSError."""
    read = {place_of(path) for path in inputs}
    written: set[Path] = set()
    for path in outputs:
        place = place_of(path)
        if place.is_char_device():  # /dev/null and a terminal take everything
            continue
        if place in read:
            raise OverwritesError(f"{path} is an input, and would be overwritten; name another file")
        if place in written:
            raise OverwritesError(f"{path} would be written twice; name two files")
        written.add(place)


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Path] = ()) -> None:
    """Raises OverwritesError or OSError unless each output can be written: asked before minutes of work."""
    check_distinct(outputs, inputs)
    for path in outputs:
        check_output(path)


def check_output(path: Path) -> None:
    """Raises OSError if `write_output` could not write to `path`.

    A pipe is not opened for this: its reader would take that for the whole of it.
    """
    with _named(path):
        place = place_of(path)
        descriptor = _descriptor(place)
        if descriptor is not None:
            os.fstat(descriptor)
        elif not is_stream(place):
            check_writable(place)
        elif not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def write_output(path: Path, data: bytes) -> None:
    """Writes `data` to where `path` leads, folders included. Raises OSError; a regular file is then as before."""
    with _named(path):
        if is_stream(path):
            with opened_stream(path) as stream:
                stream.write(data)
        else:
            publish_file(place_of(path), data)


@contextmanager
def replaced_output(path: Path) -> Iterator[Path]:
    """Yields a temporary file, for code that has to write by name.

    It gets the name that `path` leads to when the block ends, and is gone if the block raises. `path` is not a stream.
    """
    with _named(path):
        place = place_of(path)
        place.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_file(place)
    try:
        yield temporary
        with _named(path):
            temporary.replace(place)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def unfinished_file(place: Path) -> Path:
    """Returns a free name next to `place` with its suffix, for a file that will be renamed to it."""
    return place.with_name(f".{secrets.token_hex(8)}{place.suffix}")


@contextmanager
def opened_stream(path: Path) -> Iterator[BinaryIO]:
    """Opens the target of `path`, for which `is_stream` is true, for writing. Raises OSError.

    A descriptor is written at its current position: opening it by name would truncate a file that stdout leads to.
    """
    with _named(path):
        place = place_of(path)
        descriptor = _descriptor(place)
        if descriptor == 1:
            sys.stdout.flush()  # what was printed before stays before
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with place.open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb") as stream:
            yield stream


def write_json(path: Path, value: object) -> None:
    """Writes `value` as JSON; a byte of a file name that is not UTF-8 becomes `\\udce9`. Raises OSError."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    write_output(path, text.encode("utf-8", "backslashreplace"))


def is_stdout(path: Path) -> bool:
    """Returns True if `path` leads to standard output."""
    return _descriptor(place_of(path)) == 1


def results_to(outputs: Iterable[Path]) -> TextIO:
    """The stream for a command's own words: stdout, or stderr if one of its outputs is stdout."""
    return sys.stderr if any(map(is_stdout, outputs)) else sys.stdout


def _descriptor(place: Path) -> int | None:
    """The number of the open descriptor that a place names: of `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/3`."""
    if place in _STANDARD:
        return _STANDARD[place]
    folders = (Path("/dev/fd"), Path("/proc/self/fd"), Path(f"/proc/{os.getpid()}/fd"))
    return int(place.name) if place.parent in folders and place.name.isdecimal() else None


@contextmanager
def unnamed_errors_at(path: Path) -> Iterator[None]:
    """Makes an OSError without a file's name, such as one of a full disk, carry `path`."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Makes an OSError carry the name that the person gave, not a temporary one or that of a link's target."""
    try:
        yield
    except NotADirectoryError:  # says which part of the name is a file
        raise
    except OSError as error:
        error.filename = str(path)
        raise
