"""Kills and errors between two system calls of a write: what was acknowledged is intact, half-written files go.

One traced process forks a child for each place to fail at. strace counts the calls of each child and fails a late one
of a kind; a child makes so many such calls of its own first that it fails at the n-th call that the cache makes.
"""

from __future__ import annotations

import json
import math
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from causes import program, python

from perflab.cache import DiskCache

AT = {"openat": 1_200}  # which the parent stays below while it imports
CALLS = {"pwrite64": range(1, 130, 12), "write": range(1, 5), "openat": range(2, 20, 3), "unlink": range(1, 5, 2)}
CALLS |= {"mkdir": range(1, 5, 2), "rename": range(1, 2), "ftruncate": range(1, 3), "fdatasync": range(1, 9, 3)}
SIZES = [10, 50_000, 10]

CHILDREN = """
import json, math, os, sys, warnings
from perflab.cache import DiskCache
folder, (at, calls, sizes, settings) = sys.argv[1], map(json.loads, sys.argv[2:])
warnings.simplefilter("ignore")
scratch = os.open(os.path.join(folder, "scratch"), os.O_RDWR | os.O_CREAT)
WASTE = {
    "pwrite64": lambda: os.pwrite(scratch, b"x", 0),
    "write": lambda: os.write(scratch, b"x"),
    "openat": lambda: os.open("/missing/file", os.O_RDONLY),
    "unlink": lambda: os.unlink("/missing/file"),
    "mkdir": lambda: os.mkdir("/dev/null/file"),
    "rename": lambda: os.rename("/missing/file", "/missing/other"),
    "ftruncate": lambda: os.ftruncate(scratch, 1),
    "fdatasync": lambda: os.fdatasync(scratch),
    "fsync": lambda: os.fsync(scratch),
}

def waste(call, count):
    for _ in range(count):
        try:
            WASTE[call]()
        except OSError:
            pass

def work(path):
    log = os.open(path + ".log", os.O_RDWR | os.O_CREAT)
    end = 0
    def say(*words):
        nonlocal end
        end += os.pwritev(log, [json.dumps(words).encode() + b"\\n"], end)
    def attempt(keys, round):
        for key in keys:
            say("try", key, round)
        return [(key, bytes([round]) * sizes[key]) for key in keys]
    with DiskCache(path, compress_bytes=math.inf, **settings) as cache:
        for round in (1, 2):
            for key in range(len(sizes)):
                ((_, value),) = attempt([key], round)
                if cache.set(key, value) and cache.flush():
                    say("done", key, round)
        items = attempt(range(len(sizes)), 3)
        if cache.set_many(items) == len(sizes) and cache.flush():
            for key in range(len(sizes)):
                say("done", key, 3)

ended = {}
for call, cuts in calls.items():
    for cut in cuts:
        path = os.path.join(folder, f"{call}-{cut}")
        child = os.fork()
        if child == 0:
            waste(call, at[call] - cut)
            work(path)
            os._exit(0)
        ended[path] = os.waitpid(child, 0)[1]
os.write(1, json.dumps(ended).encode())
"""


def inject(folder: Path, what: str, calls: dict[str, range], **settings: object) -> dict[Path, int]:
    """Run the children under strace; return the folder of each with its exit status."""
    at = {call: AT.get(call, 300) for call in calls}
    faults = [f"--inject={call}:{what.format(at[call])}" for call in calls]
    under = (program("strace"), "-f", "-qq", "-o", "/dev/null", f"--trace={','.join(calls)}", *faults)
    if subprocess.run([*under, program("true")], capture_output=True, check=False).returncode:
        pytest.skip("strace may not trace here")
    cuts = {call: list(cuts) for call, cuts in calls.items()}
    printed = python(CHILDREN, folder, *map(json.dumps, (at, cuts, SIZES, settings)), under=under)
    return {Path(path): status for path, status in json.loads(printed).items()}


def allowed(path: Path) -> Iterator[tuple[int, set[int]]]:
    """Yield each key with the rounds whose value it may have: the one acknowledged last, and those tried after it."""
    said = [json.loads(line) for line in path.with_suffix(".log").read_text().splitlines()]
    for key in range(len(SIZES)):
        rounds = {0}
        for what, number in [(what, number) for what, found, number in said if found == key]:
            rounds = {number} if what == "done" else rounds | {number}
        yield key, rounds


def check(path: Path, *, refused: bool) -> int:
    """Hold what is stored against what was acknowledged; return how many values had been acknowledged."""
    with DiskCache(path, compress_bytes=math.inf) as cache, warnings.catch_warnings():
        # A commit whose sync failed may have reached the disk all the same, without the files that were taken back.
        warnings.simplefilter("ignore" if refused else "error")
        for key, rounds in allowed(path):
            value = cache.get(key, b"\0")
            assert value[0] in rounds | ({0} if refused else set()), (path.name, key, rounds, value[0])
            assert value in (b"\0", bytes([value[0]]) * SIZES[key])
        large = [key for key in cache if SIZES[key] > 40_000]
        assert len(list(path.glob("??/??/*.val"))) == len(large)
        assert cache.set("more", 1)
        assert cache["more"] == 1
    return path.with_suffix(".log").read_text().count("done")


@pytest.mark.fault("killed between two system calls of a write")
@pytest.mark.parametrize("write", ["through", "behind"])
def test_a_kill_before_any_system_call_of_a_write(tmp_path: Path, write: str) -> None:
    calls = CALLS if write == "through" else {"pwrite64": range(70, 150, 10), "write": range(1, 3)}
    found = inject(tmp_path, "signal=KILL:when={}", calls, write=write, behind_s=3_600)
    killed = [path for path, status in found.items() if status == 9]
    assert len(killed) > len(found) / 2, found
    acknowledged = [check(path, refused=False) for path in killed]
    assert 0 in acknowledged
    assert max(acknowledged) > len(SIZES)


@pytest.mark.fault("fsync error")
def test_an_error_of_fsync_acknowledges_nothing(tmp_path: Path) -> None:
    calls = {"fdatasync": range(13, 32, 2), "fsync": range(1, 12, 4)}
    found = inject(tmp_path, "error=EIO:when={}+", calls, durable=True)
    assert set(found.values()) == {0}
    acknowledged = {path.name: check(path, refused=True) for path in found}
    for call in calls:  # some sets came before the error, and each one after it waited for a sync in vain
        assert any(0 < count < 3 * len(SIZES) for name, count in acknowledged.items() if name.startswith(call))


@pytest.mark.fault("disk full from some system call on")
def test_a_disk_that_is_full_from_some_write_on(tmp_path: Path) -> None:
    found = inject(tmp_path, "error=ENOSPC:when={}+", {"pwrite64": range(1, 140, 15), "write": range(1, 4, 2)})
    assert set(found.values()) == {0}
    acknowledged = [check(path, refused=True) for path in found]
    assert min(acknowledged) < max(acknowledged)
