"""One folder and many processes and threads: nothing acknowledged is lost, nothing half written stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from perflab.cache import DiskCache


@pytest.mark.fault("killed while it writes")
def test_a_killed_writer_leaves_what_was_acknowledged_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import math, sys\nfrom perflab.cache import DiskCache\n"
        "cache = DiskCache(sys.argv[1], compress_bytes=math.inf)\n"
        "for n in range(10**6):\n    cache[n] = b'x' * 40_000\n    print(n, flush=True)\n"
    )
    path = tmp_path / "c"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout]
    orphan = path / "ab" / "cd" / f"{writer.pid}-{'0' * 28}.val"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"half")
    with DiskCache(path) as cache:
        assert all(cache[n] == b"x" * 40_000 for n in acknowledged)
        assert len(list(path.glob("??/??/*.val"))) == len(cache)
    assert not orphan.exists()


@pytest.mark.fault("killed while it writes")
def test_what_flush_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom perflab.cache import DiskCache\n"
        "cache = DiskCache(sys.argv[1], write='behind', behind_s=3600)\n"
        "cache.set_many([(n, n) for n in range(50)])\n"
        "assert cache.flush()\n"
        "cache['later'] = 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c")], env=environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    with DiskCache(tmp_path / "c") as again:
        assert again.get_many(range(50)) == list(range(50))
        assert again.get("later") is None


def forked(work: Callable[[int], bool], count: int) -> None:
    """Run work in children that begin together; each must say True."""
    ready, go = os.pipe()
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(ready, 1)
            done = False
            try:
                done = work(number)
            finally:
                os._exit(0 if done else 1)
        children.append(child)
    os.close(ready)
    os.close(go)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * count


@pytest.mark.fault("8 processes on one folder")
@pytest.mark.parametrize("write", ["through", "behind"])
def test_eight_processes_lose_nothing(tmp_path: Path, write: Literal["through", "behind"]) -> None:
    def work(number: int) -> bool:
        with DiskCache(tmp_path / "c", write=write) as cache:
            stored = sum(cache.set((number, n), [number, n]) for n in range(40))
            stored += cache.set_many([((number, n), [number, n]) for n in range(40, 60)])
            mine = cache.get_many([(number, n) for n in range(60)])
            for n in range(20):
                cache["shared", n % 3] = [number, n]
                other, found = cache["shared", n % 3]
                if found % 3 != n % 3 or not 0 <= other < 8:
                    return False
            return stored == 60 and mine == [[number, n] for n in range(60)] and cache.flush()

    forked(work, 8)
    with DiskCache(tmp_path / "c") as cache:
        assert len(cache) == 8 * 60 + 3
        assert all(cache[number, n] == [number, n] for number in range(8) for n in range(60))
        assert cache.nbytes == sum(cost for _, cost in cache.costs())


@pytest.mark.fault("8 processes on one folder")
def test_eight_processes_keep_the_bound(tmp_path: Path) -> None:
    def work(number: int) -> bool:
        with DiskCache(tmp_path / "c", 20_000) as cache:
            for n in range(30):
                if not cache.set((number, n), bytes([number]) * 1_000) or cache.nbytes > 20_000:
                    return False
                if cache.get((number, n - 1)) not in (None, bytes([number]) * 1_000):
                    return False
        return True

    forked(work, 8)
    with DiskCache(tmp_path / "c", 20_000) as cache:
        assert 10 < len(cache) < 20
        assert cache.nbytes == sum(cost for _, cost in cache.costs()) <= 20_000


@pytest.mark.fault("fork after use")
def test_a_fork_waits_for_what_other_threads_do(tmp_path: Path) -> None:
    going = True

    def work() -> None:
        number = 0
        while going:
            number += 1
            cache["busy", number % 5] = number

    with DiskCache(tmp_path / "c") as cache:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            for number in range(10):
                forked(lambda _, number=number: cache.set(("child", number), number) and len(cache) > 0, 1)
        finally:
            going = False
            thread.join()
        assert cache.get_many([("child", number) for number in range(10)]) == list(range(10))
