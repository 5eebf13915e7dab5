"""Fails a disk tier's workload at the n-th call that writes, whatever its kind, by strace.

strace counts each kind of call apart. A first run without faults tells the order of all of them; from it follows how
many calls of each kind come before the n-th, and so how many a child has to make for nothing to be hit at the n-th.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import disk_workload
import pytest
from disk_workload import BEGIN

ROOM = ("pwrite64", "write", "mkdir", "link", "rename", "ftruncate", "fdatasync", "fsync")
"""Calls that a full disk refuses, beside making files, which strace cannot tell from opening others to read."""
CALLS = (*ROOM, "openat", "unlink", "rmdir", "fchown", "fchmod", "chmod")
"""Calls that may change what is stored; openat counts where it makes a file."""

_CALL = re.compile(r"(\w+)\(")
_SPARE = 20
_PATIENCE_S = 300


@dataclass(frozen=True)
class Call:
    """One call of a child: its kind, and whether it may change what is stored."""

    name: str
    changes: bool
    begins: bool
    failed: bool


@dataclass(frozen=True)
class End:
    """How the child that was failed at its n-th call ended: `name` is that of the call, `hit` its number as found."""

    n: int
    name: str
    path: Path
    status: int
    took_s: float
    hit: int


class Workload:
    """The calls of an undisturbed child, in their order, and children that are failed at one of them.

    Parameters
    ----------
    folder
        An empty folder, for everything.
    begun
        A folder that the tier has been opened in before, to start from a copy of; None: from nothing.
    settings
        Those of the disk tier.
    """

    def __init__(self, folder: Path, begun: Path | None = None, **settings: object) -> None:
        self._folder = folder
        self.new = begun is None
        self._begun = begun
        self._settings = settings
        (end,), lines = _traced(folder, [self._plan("undisturbed", {})], [])
        assert end["status"] == 0
        mine = _calls(lines.pop(end["pid"]))
        self._mine, self._begin = mine, _begin(mine)
        most = Counter(call.name for call in mine)
        for others in lines.values():  # of the parent, which imports the package, and of threads
            most |= Counter(call.name for call in _calls(others))
        self._at = {name: most[name] + _SPARE for name in CALLS}
        self.calls = [call.name for call in mine[self._begin :] if call.changes]

    def fail(self, what: str, numbers: Iterable[int], names: Sequence[str] = CALLS, *, on: bool = False) -> list[End]:
        """Fail the n-th call in a child for each n; with `on`, all calls of `names` from there on.

        Parameters
        ----------
        what
            What strace injects, as in `"signal=KILL"`.
        """
        chosen = list(numbers)
        self._folder.joinpath(what).mkdir()
        plans = [self._plan(f"{what}/{n}", self._waste(n, names if on else [self.calls[n - 1]])) for n in chosen]
        ends, lines = _traced(self._folder, plans, [self._fault(what, name, on) for name in names])
        return [
            End(n, self.calls[n - 1], Path(plan["path"]), end["status"], end["took_s"], _hit(_calls(lines[end["pid"]])))
            for n, plan, end in zip(chosen, plans, ends, strict=True)
        ]

    def _plan(self, name: str, waste: dict[str, int]) -> dict[str, Any]:
        path = self._folder / name
        if self._begun is not None:
            shutil.copytree(self._begun, path)
        return {"path": str(path), "waste": waste, "settings": self._settings}

    def _fault(self, what: str, name: str, on: bool) -> str:
        return f"--inject={name}:{what}:when={self._at[name]}{'+' if on else ''}"

    def _waste(self, n: int, names: Sequence[str]) -> dict[str, int]:
        """Return how many calls of each kind to make first, for the next of that kind from the n-th call on to fail."""
        changing = [at for at, call in enumerate(self._mine) if at >= self._begin and call.changes]
        return {
            name: self._at[name] - sum(call.name == name for call in self._mine[: at + 1])
            for name in names
            if (at := next((at for at in changing[n - 1 :] if self._mine[at].name == name), None)) is not None
        }


def _traced(
    folder: Path, plans: list[dict[str, Any]], faults: list[str]
) -> tuple[list[dict[str, Any]], dict[int, list[str]]]:
    """Run the plans under strace; return how each ended, and the traced lines of each process."""
    plans_file, ends, log = folder / "plans.json", folder / "ends.json", folder / "strace.log"
    plans_file.write_text(json.dumps(plans))
    under = [_strace(), "-f", "-qq", f"--trace={','.join(CALLS)}", "-o", str(log), *faults]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*under, sys.executable, disk_workload.__file__, str(plans_file), str(ends)]
    found = subprocess.run(command, env=environ, stderr=subprocess.PIPE, text=True, check=False, timeout=_PATIENCE_S)
    assert found.returncode == 0, found.stderr
    lines: dict[int, list[str]] = {}
    for line in log.read_text(errors="replace").splitlines():
        process, said = line.split(maxsplit=1)
        lines.setdefault(int(process), []).append(said)
    return json.loads(ends.read_text()), lines


def _strace() -> str:
    """Return the path of strace, or skip the test where it is missing or not allowed."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("strace is not installed here")
    if subprocess.run([program, "-f", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here: ptrace is not permitted")
    return program


def _calls(lines: list[str]) -> list[Call]:
    return [
        Call(match[1], match[1] != "openat" or "O_CREAT" in line, BEGIN in line, "(INJECTED)" in line)
        for line in lines
        if (match := _CALL.match(line))
    ]


def _begin(calls: list[Call]) -> int:
    """Return the index of the workload's first call."""
    return 1 + next(at for at, call in enumerate(calls) if call.begins)


def _hit(calls: list[Call]) -> int:
    """Return the number of the call that was failed first: the last one, if that killed the process."""
    changing = [call for call in calls[_begin(calls) :] if call.changes]
    return next((n for n, call in enumerate(changing, 1) if call.failed), len(changing))
