"""What the command line says, and how it ends.

In: answers and errors. Out: text on the terminal, or JSON and nothing else, and exit codes.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import typer
from rich.console import Console

from perflab.cli.answer import Answer, plain
from perflab.cli.codes import Exit
from perflab.errors import PerflabError
from perflab.inert import lines

__all__ = ["LOG_WIDTH", "Give", "aside", "ending"]

LOG_WIDTH = 120
"""Columns of what goes to a file or a pipe: wide enough that no row of a table is broken."""

SCHEMA_VERSION = 1
"""Of the JSON of every command; it grows when a reader of the old one would go wrong."""

aside = Console(stderr=True, emoji=False)
"""For what is not the answer: progress, and what to do after an interrupt."""

Give = Callable[[Answer], NoReturn]
"""Prints an answer and ends the command."""


@contextlib.contextmanager
def ending(command: str, as_json: bool = False) -> Iterator[Give]:
    """End a command with its answer, or with one sentence for an error, for Ctrl-C and for SIGTERM.

    Parameters
    ----------
    command
        Its name, which its JSON carries: `perflab.<command>/1`.
    as_json
        Print JSON and nothing else, also for an error (`perflab.error/1`).
    """
    last_word = _LastWord(command, as_json)
    try:
        with _terminable():
            yield last_word.give
    except PerflabError as error:
        last_word.fail(Exit.ERROR, str(error), "red")
    except KeyboardInterrupt as cancelled:
        terminated = isinstance(cancelled, _TerminatedError)
        last_word.fail(Exit.TERMINATED if terminated else Exit.CANCELLED, "Cancelled.", "yellow")
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except OSError as error:
        last_word.fail(Exit.ERROR, _of_system(error), "red")
    except Exception as defect:
        traceback.print_exc()
        last_word.fail(Exit.DEFECT, f"A defect of perflab: {type(defect).__name__}: {defect}", "red")


class _LastWord(NamedTuple):
    """What a command says last, as text or as JSON; saying it ends the command."""

    command: str
    as_json: bool

    def give(self, answer: Answer) -> NoReturn:
        if self.as_json:
            _print_json(self.command, int(answer.code), answer.data)
        else:
            _print_text(answer)
        raise typer.Exit(int(answer.code))

    def fail(self, code: Exit, sentence: str, style: str) -> NoReturn:
        if self.as_json:
            _print_json("error", code, {"command": self.command, "error": sentence})
        else:
            aside.print(lines(sentence), style=style, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(int(code))


def _print_json(name: str, code: int, data: Any) -> None:
    document = {"schema": f"perflab.{name}/{SCHEMA_VERSION}", "exit_code": code, **plain(data)}
    print(json.dumps(document, allow_nan=False, default=str))


def _print_text(answer: Answer) -> None:
    tables = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, emoji=False)
    for part in answer.shown:
        if isinstance(part, str):
            print(lines(part))
        else:
            tables.print(part)


def _of_system(error: OSError) -> str:
    where = f"{str(error.filename)!r}: " if error.filename is not None else ""
    return f"{where}{error.strerror or error}."


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
