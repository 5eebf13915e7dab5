"""What a traced process does: the same work on a disk tier in a forked child for each plan, one after the other.

In: a file of plans, and where to say how each child ended. Each child makes so many calls of each kind first that the
kernel's n-th one of the workload is the one that strace fails; it tells what it was acknowledged in a log of its own.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from perflab.cache import DiskCache

BEGIN = "/dev/null/begin"
SIZES = [10, 50_000, 10, 60_000]
GONE = 0


def waste(counts: dict[str, int], folder: Path) -> None:
    """Make calls that change nothing."""
    file, nowhere = folder / "scratch", Path("/dev/null/file")
    scratch = os.open(file, os.O_RDWR | os.O_CREAT)
    wasters: dict[str, Callable[[], object]] = {
        "pwrite64": lambda: os.pwrite(scratch, b"x", 0),
        "write": lambda: os.write(scratch, b"x"),
        "openat": lambda: os.open(nowhere, os.O_RDONLY),
        "unlink": nowhere.unlink,
        "rmdir": nowhere.rmdir,
        "mkdir": nowhere.mkdir,
        "rename": lambda: nowhere.rename(nowhere),
        "link": lambda: nowhere.hardlink_to(nowhere),
        "ftruncate": lambda: os.ftruncate(scratch, 1),
        "fdatasync": lambda: os.fdatasync(scratch),
        "fsync": lambda: os.fsync(scratch),
        "fchown": lambda: os.fchown(scratch, -1, -1),
        "fchmod": lambda: os.fchmod(scratch, 0o600),
        "chmod": lambda: file.chmod(0o600),
    }
    for call, count in counts.items():
        for _ in range(count):
            with contextlib.suppress(OSError):
                wasters[call]()


class Log:
    """Says what was tried and what was acknowledged, by a call that strace leaves alone."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT)
        self._end = 0

    def say(self, *words: object) -> None:
        """Write a line at once."""
        self._end += os.pwritev(self._handle, [json.dumps(words).encode() + b"\n"], self._end)

    def attempt(self, action: Callable[[], object], number: int, *keys: int) -> None:
        """Have something done to keys, and say before and after what that means."""
        for key in keys:
            self.say("try", key, number)
        word = "done" if action() else "refused"
        for key in keys:
            self.say(word, key, number)


def value_of(number: int, key: int) -> bytes:
    """Return what the n-th step stores for a key."""
    return bytes([number]) * SIZES[key]


def work(path: str, log: Log, **settings: Any) -> None:
    """Store, replace, delete and clear; write down each step, and of which step each value is that was read."""
    with DiskCache(path, compress_bytes=math.inf, **settings) as cache:

        def store(number: int, *keys: int) -> None:
            items = [(key, value_of(number, key)) for key in keys]
            log.attempt(lambda: cache.set_many(items) == len(keys) and cache.flush(), number, *keys)
            log.say("read", keys[0], _number_of(cache.get(keys[0]), keys[0]))

        store(1, 0)
        store(2, 1)
        store(3, 2, 3)
        log.attempt(lambda: cache.touch(0, 3_600), 1, 0)
        store(4, 1)
        log.attempt(lambda: cache.delete(3) and cache.flush(), GONE, 3)
        store(5, 0, 1, 2, 3)
        log.attempt(lambda: cache.clear() >= 0, GONE, *range(len(SIZES)))
        store(6, 1, 2)


def _number_of(value: bytes | None, key: int) -> int:
    """Return the step that stored a value; -1 if none did."""
    if value is None:
        return GONE
    return value[0] if value == value_of(value[0], key) else -1


def _run(plan: dict[str, Any], folder: Path) -> None:
    warnings.showwarning = lambda *_, **__: None
    log = Log(plan["path"] + ".log")
    waste(plan["waste"], folder)
    with contextlib.suppress(NotADirectoryError):
        Path(BEGIN).mkdir()  # which marks in the trace where the workload begins
    work(plan["path"], log, **plan["settings"])


def main(plans: Path, ends: Path) -> None:
    """Fork a child for each plan; write down how each ended, its process number and its seconds."""
    ended = []
    for plan in json.loads(plans.read_text()):
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _run(plan, plans.parent)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        ended.append({"pid": child, "status": status, "took_s": time.monotonic() - started})
    ends.write_text(json.dumps(ended))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
