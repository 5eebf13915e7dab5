"""Shell commands as arms.

In: a command line. Out: an arm that runs it to its end; what it prints is hashed as it comes and never held.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass

from perflab.bench.arm import Outcome
from perflab.bench.words import LastWords
from perflab.errors import BenchmarkError

__all__ = ["Command", "execute"]

_SHELL = "/bin/sh"
_ASSIGNMENT = re.compile(r"\w+=")


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, as a shell would take it.

    Examples
    --------
    >>> Command("sort big.txt | uniq -c").line
    'sort big.txt | uniq -c'
    """

    line: str

    def __post_init__(self) -> None:
        if not self.line.strip() or "\0" in self.line:
            raise BenchmarkError(f"The command {self.line!r} cannot be run; give a line that a shell understands.")

    @property
    def __name__(self) -> str:
        """The program's name, for a label."""
        words = [word for word in self.line.split() if not _ASSIGNMENT.match(word)] or ["command"]
        return os.path.basename(words[0])  # noqa: PTH119  # of a word, which need not be a path


def execute(line: str) -> Outcome:
    """Run a command line by `/bin/sh -c` and return the digest of its standard output.

    Raises
    ------
    BenchmarkError
        If it ends with another status than 0; the message has the last line of its standard error.

    Examples
    --------
    >>> execute("echo one").digest == execute("printf 'one\\n'").digest
    True
    """
    read, write = os.pipe()
    words = LastWords(read)
    try:
        process = subprocess.Popen([_SHELL, "-c", line], stdout=subprocess.PIPE, stderr=write, stdin=subprocess.DEVNULL)
    finally:
        os.close(write)
    with process:
        digest = _digest_of_output(process)
    if process.returncode:
        last = words.line()
        said = f", last words: {last}" if last else ""
        raise BenchmarkError(f"The command {line!r} ended with status {process.returncode}{said}.")
    return Outcome(digest)


def _digest_of_output(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    digest = hashlib.blake2b(digest_size=16)
    while data := process.stdout.read(1 << 16):
        digest.update(data)
    return digest.hexdigest()
