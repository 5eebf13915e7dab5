"""The measuring process: `python -m perflab.bench.worker FD`.

In: a job on standard input. Out: messages, one JSON line each, on the descriptor FD, which no print of an arm reaches.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from perflab.bench.arm import resolve
from perflab.bench.job import Job, load_job, load_path
from perflab.bench.sample import calibrate, take_memory, take_time

__all__ = ["main"]

Send = Callable[..., None]


class _ArmError(Exception):
    """An arm raised, or asked the process to exit; its message was sent."""


def main(descriptor: int) -> None:
    """Take the samples of the job on standard input and send what they found.

    Messages: `start` (arm), `sample` (arm, numbers), `conditions` (of the group that ended), `error` (arm, error,
    traceback) after which nothing more is run, `done`.
    """
    # The arm's own child processes must not hold this end of the pipe open.
    os.set_inheritable(descriptor, False)
    with os.fdopen(descriptor, "w", encoding="utf-8", buffering=1) as pipe:
        owner = os.getpid()

        def send(event: str, **values: object) -> None:
            if os.getpid() != owner:
                os._exit(0)  # an arm forked and came back in the child; only its parent measures
            pipe.write(json.dumps({"event": event, **values}) + "\n")

        sys.path[:] = load_path(sys.stdin.buffer)
        job = load_job(sys.stdin.buffer)
        _close_input()
        try:
            _run(job, send)
        except _ArmError:
            return
        send("done")


def _run(job: Job, send: Send) -> None:
    from perflab import host

    loops = dict(enumerate(job.loops))
    timed = job.purpose == "time"
    for group in job.groups:
        before = host.read() if timed else None
        for number in group:
            send("start", arm=number)
            send("sample", arm=number, **_guarded(partial(_take, job, number, loops), number, send))
        if before is not None:
            send("conditions", load_1m=before.load_1m, **asdict(host.shares(before, host.read())))


def _take(job: Job, number: int, loops: dict[int, int]) -> dict[str, Any]:
    arm = job.arms[number]
    folder = os.getcwd()  # noqa: PTH109  # a plain string to go back to
    try:
        if job.purpose == "memory":
            sample = take_memory(arm)
        else:
            loops[number] = loops[number] or calibrate(arm)
            sample = take_time(arm, loops[number])
    finally:
        os.chdir(folder)
    return {"source_digest": _source_digest(resolve(arm.target), arm.source), **sample.as_dict()}


def _guarded(take: Callable[[], dict[str, Any]], number: int, send: Send) -> dict[str, Any]:
    try:
        return take()
    except BaseException as error:
        send("error", arm=number, error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        raise _ArmError from error


def _source_digest(function: Callable[..., Any], source: str) -> str:
    """Return the digest of what a function was written as: what it keeps from one sample to the next is no source."""
    while isinstance(function, partial):
        function = function.func
    written = inspect.unwrap(function)
    code = getattr(written, "__code__", None)
    found = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16)
    found.update(type(written).__qualname__.encode() if code is None else code.co_code + code.co_name.encode())
    if code is not None and os.path.isfile(code.co_filename):  # noqa: PTH113  # Python's own name of it
        with open(code.co_filename, "rb") as file:  # noqa: PTH123
            found.update(file.read())
    return found.hexdigest()


def _close_input() -> None:
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a device, not a path
        os.dup2(nothing.fileno(), 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
