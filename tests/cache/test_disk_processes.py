"""One folder and many processes and threads: nothing acknowledged is lost, nothing half written stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from perflab.cache import DiskCache


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


def test_eight_processes_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom perflab.cache import DiskCache\n"
        "with DiskCache(sys.argv[1]) as cache:\n"
        "    print(sum(cache.set((sys.argv[2], n), n) for n in range(50)))\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "c"), str(number)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for number in range(8)
    ]
    assert [int(writer.communicate(timeout=60)[0]) for writer in writers] == [50] * 8
    with DiskCache(tmp_path / "c") as cache:
        assert len(cache) == 400
        assert all(cache[str(p), n] == n for p in range(8) for n in range(50))


def test_both_sides_of_a_fork_work(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["before"] = 1
        child = os.fork()
        if child == 0:
            done = cache.get("before") == 1 and cache.set("child", 2)
            os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert (cache["before"], cache["child"]) == (1, 2)
        assert cache.set("after", 3)


def test_threads_share_one_store(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        threads = [threading.Thread(target=lambda t=t: [cache.set((t, n), n) for n in range(20)]) for t in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cache) == 160
