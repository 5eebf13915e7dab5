"""What a measuring process is told: arms, and which of them to run in which order.

In: a `Job`. Out: bytes for the process's standard input, and the job again on the other side.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from perflab.bench.arm import Arm
from perflab.bench.schedule import Purpose

__all__ = ["Job", "dump", "load_job", "load_path"]


@dataclass(frozen=True, slots=True)
class Job:
    """Samples to take in one process.

    Attributes
    ----------
    arms : tuple of Arm
        Those that `groups` names by number.
    groups : tuple of tuples of int
        Arm numbers in order; the host's conditions are read over each group.
    purpose : str
        `time` or `memory`.
    loops : tuple of int
        Executions in a sample, an arm each; 0 to find out how many take 20 ms.
    """

    arms: tuple[Arm, ...]
    groups: tuple[tuple[int, ...], ...]
    purpose: Purpose
    loops: tuple[int, ...]


def dump(job: Job, path: Sequence[str]) -> bytes:
    """Return a job after the import path that is needed to read it; closures travel too (library: cloudpickle)."""
    import cloudpickle  # type: ignore[import-untyped]  # ships no type information

    dumped: bytes = cloudpickle.dumps(job)
    return pickle.dumps(list(path)) + dumped


def load_path(stream: BinaryIO) -> list[str]:
    """Read the import path, which comes first."""
    path: list[str] = pickle.load(stream)  # noqa: S301  # written by our own parent process
    return path


def load_job(stream: BinaryIO) -> Job:
    """Read the job, after the import path was set."""
    job: Job = pickle.load(stream)  # noqa: S301  # written by our own parent process
    return job
