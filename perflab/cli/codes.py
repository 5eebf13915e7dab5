"""How a command can end.

In: nothing. Out: the exit codes, which stay what they are.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MEANINGS", "Exit", "epilog"]


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    FAILED = 1
    ERROR = 2
    UNCLEAR = 3
    DEFECT = 70
    CANCELLED = 130
    TERMINATED = 143


MEANINGS = {
    Exit.DONE: "done; every target passes, every check holds",
    Exit.FAILED: "a target, a condition or a check fails, or a file or a request went wrong",
    Exit.ERROR: "an argument, a setting, a file or a folder is wrong: one sentence says which",
    Exit.UNCLEAR: "unclear, or too little data to say",
    Exit.DEFECT: "a defect of perflab, with a traceback",
    Exit.CANCELLED: "cancelled by Ctrl-C; what was measured is kept",
    Exit.TERMINATED: "ended by SIGTERM; what was measured is kept",
}


def epilog() -> str:
    """Return the codes and their meanings, a line each, for `--help`."""
    return "Exit codes:\n\n" + "\n\n".join(f"{code.value}: {meaning}" for code, meaning in MEANINGS.items())
