"""Isolated caches: their folder goes with their process, however it ends, and signals are the program's own."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest

import perflab
from perflab.cache import DiskCache, TieredCache, termination
from perflab.cache.termination import before_sigterm

OPEN = "import os, signal, sys\nimport perflab\ncache = perflab.isolated_cache()\ncache.set('key', b'x' * 100_000)\n"
TELL = "print(cache.l3.folder, flush=True)\n"
WAIT = "signal.pause()\n"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test alone."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture(autouse=True)
def _default_handler() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    left = signal.signal(signal.SIGTERM, before)
    termination._actions.clear()
    assert left is signal.SIG_DFL, "a test left a handler"


def ended(code: str, *signals: int) -> tuple[int, list[str]]:
    """Return the exit status of a program and the lines that it wrote; signals are sent after its first line."""
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # Without a buffer, what follows the first line is left for `communicate`.
    with subprocess.Popen(
        command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            for number in signals:
                process.send_signal(number)
            rest = process.communicate(timeout=60)[0]
        finally:
            process.kill()
    return process.returncode, (first + rest).decode().splitlines()


def test_it_works_in_a_folder_of_its_own(temporary: Path) -> None:
    with perflab.isolated_cache() as one, perflab.isolated_cache() as other:
        assert isinstance(one, TieredCache)
        assert one.l3 is not None
        assert other.l3 is not None
        for cache in (one.l3, other.l3):
            assert cache.folder.parent == temporary
            assert cache.folder.stat().st_mode & 0o777 == 0o700
            assert f"-{os.getpid()}-" in cache.folder.name
        one["key"], other["key"] = 1, 2
        assert (one["key"], other["key"]) == (1, 2)
        assert len(one.recorder.frames.accesses) > 0
    assert list(temporary.iterdir()) == []


def test_a_forgotten_cache_takes_its_folder_and_its_handler_along(temporary: Path) -> None:
    cache = perflab.isolated_cache()
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    cache.close()
    cache = perflab.isolated_cache()
    disk = cache.l3
    assert disk is not None
    cache._sweep.close()  # type: ignore[union-attr]  # its thread would keep the cache
    del cache, disk
    gc.collect()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("end", "status"),
    [("", 0), ("raise ValueError('end')\n", 1), ("os.kill(os.getpid(), signal.SIGINT)\n", -signal.SIGINT)],
    ids=["end", "error", "interrupt"],
)
def test_the_folder_goes_at_every_exit(end: str, status: int, temporary: Path) -> None:
    found, lines = ended(OPEN + TELL + end)
    assert found == status
    assert Path(lines[0]).parent == temporary
    assert list(temporary.iterdir()) == []


def test_sigterm_removes_every_folder_and_the_process_dies_of_it(temporary: Path) -> None:
    other = "other = perflab.isolated_cache()\nclosed = perflab.isolated_cache()\nclosed.close()\n"
    status, lines = ended(OPEN + other + TELL + WAIT, signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert lines[0].startswith(str(temporary))
    assert list(temporary.iterdir()) == []


def test_sigterm_comes_through_to_a_busy_program(temporary: Path) -> None:
    busy = "number = 0\nwhile True:\n    number += 1\n    cache.set(number, b'x' * 5_000)\n"
    assert ended(OPEN + TELL + busy, signal.SIGTERM)[0] == -signal.SIGTERM
    assert list(temporary.iterdir()) == []


def test_after_sigkill_the_next_start_sweeps(temporary: Path) -> None:
    status, lines = ended(OPEN + TELL + WAIT, signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert Path(lines[0]).exists()
    perflab.isolated_cache().close()
    assert list(temporary.iterdir()) == []


def test_a_handler_from_before_decides(temporary: Path) -> None:
    handler = "def mine(*_):\n    print('mine', cache.get('key') is not None, flush=True)\n    sys.exit(7)\n"
    code = f"import signal, sys\n{handler}signal.signal(signal.SIGTERM, mine)\n{OPEN}{TELL}{WAIT}"
    status, lines = ended(code, signal.SIGTERM)
    assert (status, lines[1:]) == (7, ["mine True"])
    assert list(temporary.iterdir()) == []


def test_a_handler_from_before_may_go_on_and_the_cache_with_it(temporary: Path) -> None:
    code = (
        "import signal, time\ntold = []\nsignal.signal(signal.SIGTERM, lambda *_: told.append(1))\n" + OPEN + TELL
    ) + (
        "while not told: time.sleep(0.01)\n"
        "cache.l1.clear()\nprint(len(cache.get('key')), signal.getsignal(signal.SIGTERM).__name__)\n"
    )
    assert ended(code, signal.SIGTERM) == (0, [ANY, "100000 <lambda>"])
    assert list(temporary.iterdir()) == []


def test_an_ignored_signal_stays_ignored() -> None:
    code = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{OPEN}{TELL}"
    code += "os.kill(os.getpid(), signal.SIGTERM)\nprint('goes on')\n"
    assert ended(code)[1][1:] == ["goes on"]


def test_a_handler_from_after_may_call_the_one_that_it_found(temporary: Path) -> None:
    chained = (
        "before = signal.getsignal(signal.SIGTERM)\n"
        "def mine(*args):\n    print('mine', flush=True)\n    before(*args)\n"
        "signal.signal(signal.SIGTERM, mine)\n"
    )
    status, lines = ended(OPEN + chained + TELL + WAIT, signal.SIGTERM)
    assert (status, lines[1:]) == (-signal.SIGTERM, ["mine"])
    assert list(temporary.iterdir()) == []
    closed = "cache.close()\nprint(signal.getsignal(signal.SIGTERM) is mine, flush=True)\n"
    status, lines = ended(OPEN + chained + closed + WAIT, signal.SIGTERM)
    assert (status, lines) == (-signal.SIGTERM, ["True", "mine"]), "what it found dies of the signal, as by default"


def test_forked_children_leave_the_folder_to_their_parent(temporary: Path) -> None:
    forks = (
        "def close(): cache.close()\ndef leave(): sys.exit(0)\ndef die(): os.kill(os.getpid(), signal.SIGTERM)\n"
        "for end in close, leave, die:\n"
        "    child = os.fork()\n"
        "    if not child: end(); sys.exit(0)\n"
        "    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "    cache.l1.clear()\n"
        "    print(cache.l3.folder.exists(), len(cache.get('key')), status, flush=True)\n"
    )
    status, lines = ended(OPEN + TELL + forks)
    assert status == 0
    assert lines[1:] == ["True 100000 0", "True 100000 0", f"True 100000 {-signal.SIGTERM}"]
    assert list(temporary.iterdir()) == []


def test_nothing_but_an_open_isolated_cache_has_a_handler() -> None:
    code = (
        "import signal\nimport perflab, perflab.cache.isolation, perflab.system\n"
        "found = [signal.getsignal(n) for n in signal.valid_signals()]\n"
        "from perflab.cache import DiskCache, build_tiers\n"
        "with build_tiers(perflab.Config()), DiskCache(), perflab.PerformanceSystem():\n"
        "    during = [signal.getsignal(n) for n in signal.valid_signals()]\n"
        "with perflab.isolated_cache() as cache:\n    inside = signal.getsignal(signal.SIGTERM)\n"
        "after = [signal.getsignal(n) for n in signal.valid_signals()]\n"
        "print(found == during == after, callable(inside), found[14] is signal.SIG_DFL)\n"
    )
    assert ended(code)[1] == ["True True True"]
    with DiskCache():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_cache_that_another_thread_opens_or_closes(temporary: Path) -> None:
    made: list[TieredCache] = []
    opening = threading.Thread(target=lambda: made.append(perflab.isolated_cache()))
    opening.start()
    opening.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    made.append(perflab.isolated_cache())
    closing = threading.Thread(target=lambda: [cache.close() for cache in made])
    closing.start()
    closing.join()
    assert list(temporary.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL, "only the main thread can take it away"
    perflab.isolated_cache().close()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_an_action_that_fails_keeps_no_other_from_its_turn() -> None:
    code = (
        "import os, signal\nfrom perflab.cache.termination import before_sigterm\n"
        "before_sigterm(lambda: 1 / 0)\nbefore_sigterm(lambda: print('second', flush=True))\n"
        "before_sigterm(lambda: print('never'))()\nos.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert ended(code) == (-signal.SIGTERM, ["second"])


def test_the_first_process_of_a_container_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    call_off = before_sigterm(lambda: None)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    call_off()
