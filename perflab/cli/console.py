"""What the command line says, and how it ends.

In: errors and frames. Out: text on the terminal, and exit codes.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

import typer
from rich.console import Console

from perflab.errors import PerflabError

__all__ = ["CANCELLED", "ERROR", "LOG_WIDTH", "TERMINATED", "ending", "out"]

ERROR = 2
CANCELLED = 130
TERMINATED = 143

LOG_WIDTH = 120
"""Columns of what goes to a file or a pipe: wide enough that no row of a table is broken."""

out = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
_err = Console(stderr=True)


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """End the program with one sentence for an error that perflab raised, for Ctrl-C and for SIGTERM."""
    try:
        with _terminable():
            yield
    except PerflabError as error:
        _err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(ERROR) from error
    except KeyboardInterrupt as cancelled:
        _err.print("Cancelled.", style="yellow")
        raise typer.Exit(TERMINATED if isinstance(cancelled, _TerminatedError) else CANCELLED) from None


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C is: what was measured is kept, and no process stays behind."""


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    def end(*_: object) -> None:
        raise _TerminatedError

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
