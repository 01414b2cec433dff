"""The frame around every command: a parser with examples, and an exit status for whatever ends it.

`command` turns errors that a user can act on into one line on stderr. `run_command` is around the whole process: it
handles standard output that is closed, full or no longer read, text that a terminal cannot show, Ctrl-C at any moment,
and faults of our own.
"""

from __future__ import annotations

import argparse
import codecs
import functools
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from console.text import one_line
from manifests.errors import NeudashError

INTERRUPTED = 130
_Main = Callable[[list[str]], int]
_TRACEBACK = "NEUDASH_TRACEBACK"
_SHOW_ANYTHING = "neudash.show-anything"


class StandardOutputError(Exception):
    """Standard output cannot be written. Not an OSError, which commands report themselves for files that they write."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"standard output cannot be written: {one_line(cause)}")
        self.is_unread = isinstance(cause, BrokenPipeError)
        """True if the reader has gone, as in `neudash inspect … | head`: nobody misses the rest."""


def command_parser(prog: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Returns a parser whose help ends with `examples`, line by line as they are."""
    return argparse.ArgumentParser(
        prog=prog, description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def command(name: str, *, interrupted: str | None = None) -> Callable[[_Main], _Main]:
    """Returns a decorator for the `main(argv)` of a command, so that it ends as all commands do.

    A NeudashError or OSError becomes one line on stderr and exit status 1. Ctrl-C prints `interrupted`, which says how
    to go on, and returns 130; if that is None, `run_command` handles it.
    """

    def decorated(main: _Main) -> _Main:
        @functools.wraps(main)
        def run(argv: list[str]) -> int:
            try:
                return main(argv)
            except (NeudashError, OSError) as error:
                _tell(f"{name}: {one_line(error)}")
                return 1
            except KeyboardInterrupt:
                if interrupted is None:
                    raise
                _tell(f"{name}: {interrupted}")
                return INTERRUPTED

        return run

    return decorated


def run_command(name: str, run: Callable[[], int]) -> int:
    """Runs a command to its end; returns its exit status: 130 for Ctrl-C, 1 for an error that it did not expect.

    `name` opens the line about an error. SystemExit, by which argparse ends, passes through.
    """
    # Before anything is opened that could take the number of a standard stream.
    _occupy_closed_descriptors()
    with _guarded_stdout():
        try:
            try:
                status = run()
            finally:
                # Flushed here, because an error while Python ends would be a traceback.
                sys.stdout.flush()
        except KeyboardInterrupt:
            _tell(f"{name}: interrupted")
            return INTERRUPTED
        except StandardOutputError as error:
            _leave_stdout()
            # `| head` has seen enough; that is not an error.
            if error.is_unread:
                return 0
            _tell(f"{name}: {error}")
            return 1
        except Exception as error:
            if os.environ.get(_TRACEBACK):
                traceback.print_exc()
            _tell(f"{name}: {_fault(error)}")
            return 1
        return status


def python_running(lines: str, *arguments: str) -> list[str]:
    """Returns the command line of a fresh Python that runs `lines`.

    It finds modules in the same places as this one, independent of PYTHONPATH and the current folder.
    """
    return [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{lines}", *arguments]


def _fault(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this"
    last = traceback.extract_tb(error.__traceback__)[-1]
    what = one_line(error) or "no words"
    return (
        f"a fault of neudash itself, {type(error).__name__} in {Path(last.filename).name} line {last.lineno}: {what}; "
        f"{_TRACEBACK}=1 shows the whole of it, please report it"
    )


def _tell(line: str) -> None:
    with suppress(OSError, ValueError):  # stderr may be full or closed as well
        print(line, file=sys.stderr, flush=True)


def _occupy_closed_descriptors() -> None:
    """Opens the null device in place of each standard stream that is closed, as by `>&-`.

    Otherwise the next file that is opened, such as a segment, would get its number and receive the output.
    """
    # A file that is opened takes the lowest free number.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - as long as the process lives
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123


@contextmanager
def _guarded_stdout() -> Iterator[None]:
    """Makes stdout of this process raise StandardOutputError, and show any text, during the block."""
    before = sys.stdout
    if before is not sys.__stdout__ or not isinstance(before, io.TextIOWrapper):  # somebody caught it, such as a test
        yield
        return
    codecs.register_error(_SHOW_ANYTHING, _shown)
    before.flush()
    sys.stdout = _Stdout(
        before.buffer, encoding=before.encoding, errors=_SHOW_ANYTHING, line_buffering=before.line_buffering
    )
    try:
        yield
    finally:
        sys.stdout.detach()  # it would close descriptor 1 with itself
        sys.stdout = before


class _Stdout(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise StandardOutputError(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise StandardOutputError(error) from error


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    r"""Replaces, for `codecs.register_error`, a byte of a file name by that byte, and other characters by `\u2192`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    is_byte_of_name = "\udc80" <= character <= "\udcff"
    shown = os.fsencode(character) if is_byte_of_name else character.encode("ascii", "backslashreplace")
    return shown, error.start + 1


def _leave_stdout() -> None:
    """Let what is still to be written go nowhere: Python would complain of it once more when it ends."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
