"""What the command line says, and how it ends.

In: errors and frames. Out: text on the terminal, and exit codes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer
from rich.console import Console

from perflab.errors import PerflabError

__all__ = ["CANCELLED", "ERROR", "ending", "out"]

ERROR = 2
CANCELLED = 130

out = Console()
_err = Console(stderr=True)


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """End the program with one sentence for an error that perflab raised, and for Ctrl-C."""
    try:
        yield
    except PerflabError as error:
        _err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(ERROR) from error
    except KeyboardInterrupt:
        _err.print("Cancelled.", style="yellow")
        raise typer.Exit(CANCELLED) from None
