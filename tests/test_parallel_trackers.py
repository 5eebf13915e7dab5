"""What is left of a process pool: nothing that only it needed, and all that something else needs.

Every scenario runs in a process of its own, as what a test runner has started would count. It must write nothing to
stderr, where resource trackers complain.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from functools import partial, wraps
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import loky.backend.resource_tracker
import psutil
import pytest

from perflab.parallel import Workers, watch
from perflab.parallel.trackers import trackers

SCENARIOS: dict[str, Callable[[], None]] = {}
# Some scenarios fork on purpose.
CHECKED = ("-X", "dev", "-W", "ignore:This process:DeprecationWarning")
FORK = multiprocessing.get_context("fork")


def alone(scenario: Callable[[], None]) -> Callable[[], None]:
    """Turn a scenario into a test that runs it in a fresh interpreter, with the checks of development mode."""
    SCENARIOS[scenario.__name__] = scenario

    @wraps(scenario)
    def test() -> None:
        command = [sys.executable, *CHECKED, "-P", __file__, scenario.__name__]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

    return test


def children() -> list[str]:
    return [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]


def only_child_is(module: str) -> bool:
    """Tell if one child is left, running this module; between its fork and its exec it has this process's name."""
    for _ in range(100):
        left = children()
        if len(left) == 1 and module in left[0]:
            return True
        time.sleep(0.01)
    return False


def only_multiprocessings_tracker() -> bool:
    return only_child_is("multiprocessing.resource_tracker")


def only_lokys_tracker() -> bool:
    return only_child_is("loky.backend.resource_tracker")


def used() -> Workers:
    workers = Workers(2)
    assert list(workers.map(abs, range(-4, 0))) == [4, 3, 2, 1]
    return workers


def share(value: int) -> SharedMemory:
    memory = SharedMemory(create=True, size=8)
    assert memory.buf is not None
    memory.buf[0] = value
    return memory


def shared(name: str) -> int:
    memory = SharedMemory(name)
    assert memory.buf is not None
    return memory.buf[0]


def kill_a_worker(workers: Workers) -> None:
    with pytest.raises(BrokenExecutor, match="SIGKILL"):
        list(workers.map(lambda _: os.kill(os.getpid(), signal.SIGKILL), [1]))


@contextlib.contextmanager
def fork() -> Iterator[None]:
    """A fork of this process, which has all its descriptors and does nothing."""
    done = FORK.Event()
    other = FORK.Process(target=done.wait)
    other.start()
    yield
    done.set()
    other.join()
    other.close()


@alone
def test_nothing_is_left_after_close() -> None:
    workers = used()
    assert len(children()) == 4
    workers.close()
    assert children() == []


@alone
def test_nothing_is_left_after_workers_were_ended_at_work() -> None:
    workers = used()
    future = workers.submit(signal.pause)
    workers.close(cancel=True)
    assert future.exception() is not None
    assert children() == []


@alone
def test_nothing_is_left_after_rest_and_the_next_use_starts_again() -> None:
    workers = used()
    assert workers.rest()
    assert children() == []
    assert list(workers.map(abs, [-5])) == [5]
    workers.close()
    assert children() == []


@alone
def test_nothing_is_left_after_a_worker_was_killed() -> None:
    workers = used()
    kill_a_worker(workers)
    assert children() == []
    assert list(workers.map(abs, [-6])) == [6]
    kill_a_worker(workers)
    workers.close()
    assert children() == []


@alone
def test_nothing_is_left_after_a_worker_was_killed_while_it_was_sent_much() -> None:
    workers = used()
    with pytest.raises(BrokenExecutor):
        list(workers.map(lambda _: os.kill(os.getpid(), signal.SIGKILL), [bytes(1_000_000)] * 4))
    workers.close()
    assert children() == []
    assert threading.enumerate() == [threading.main_thread()]


@alone
def test_opening_and_closing_again_and_again_keeps_no_descriptor() -> None:
    used().close()
    opened = psutil.Process().num_fds()
    for _ in range(5):
        used().close()
        assert (children(), psutil.Process().num_fds()) == ([], opened)


@alone
def test_trackers_stay_until_the_last_of_two_pools_is_closed() -> None:
    first, second = used(), used()
    first.close()
    assert len(children()) == 4
    assert list(second.map(abs, [-7])) == [7]
    second.close()
    assert children() == []


@alone
def test_trackers_stay_for_a_pool_that_has_no_worker_yet() -> None:
    first = used()
    second = trackers.start(partial(loky.ProcessPoolExecutor, 1))
    first.close()
    assert second.submit(abs, -7).result() == 7
    second.shutdown()
    trackers.end(second)
    assert children() == []


@alone
def test_a_pool_that_was_dropped_does_not_keep_the_trackers() -> None:
    used()
    used().close()
    used().close()
    assert children() == []


@alone
def test_an_interpreter_that_ends_before_its_pool_says_nothing() -> None:
    workers = used()
    memory = share(7)
    memory.unlink()
    memory.close()
    assert workers.workers == 2


@alone
def test_shared_memory_from_before_a_pool_keeps_its_tracker() -> None:
    memory = share(7)
    before = children()
    used().close()
    assert children() == before
    assert shared(memory.name) == 7
    memory.unlink()
    used().close()
    assert children() == before


@alone
def test_shared_memory_from_during_a_pool_keeps_its_tracker_until_it_is_unlinked() -> None:
    workers = used()
    memory = share(7)
    workers.close()
    assert only_multiprocessings_tracker()
    assert shared(memory.name) == 7
    used().close()
    assert only_multiprocessings_tracker()
    memory.unlink()
    used().close()
    assert children() == []


@alone
def test_shared_memory_that_a_worker_made_outlives_the_pool() -> None:
    workers = used()
    (name,) = workers.map(lambda value: share(value).name, [7])
    workers.close()
    assert only_multiprocessings_tracker()
    assert shared(name) == 7
    SharedMemory(name).unlink()
    used().close()
    assert children() == []


@alone
def test_shared_memory_that_a_worker_only_read_does_not_keep_its_tracker() -> None:
    workers = used()
    memory = share(7)
    name = memory.name
    assert list(workers.map(lambda _: SharedMemory(name).size > 0, range(4))) == [True] * 4
    memory.unlink()
    workers.close()
    assert children() == []


@alone
def test_what_is_counted_stays_until_its_count_is_zero() -> None:
    tracker = loky.backend.resource_tracker
    workers = used()
    file = Path(tempfile.mkstemp()[1])
    for say in (tracker.register, tracker.register, tracker.maybe_unlink):
        say(str(file), "file")
    workers.close()
    assert only_lokys_tracker()
    assert file.exists()
    tracker.maybe_unlink(str(file), "file")
    used().close()
    assert children() == []
    assert not file.exists()


@alone
def test_trackers_that_are_wanted_later_start_anew() -> None:
    used().close()
    memory = share(7)
    assert only_multiprocessings_tracker()
    memory.unlink()
    other = multiprocessing.get_context("spawn").Process(target=abs, args=(1,))
    other.start()
    other.join()
    assert other.exitcode == 0
    pool = loky.ProcessPoolExecutor(1)
    assert pool.submit(abs, -8).result() == 8
    pool.shutdown()


@alone
def test_a_tracker_whose_pipe_a_fork_holds_is_left_to_it() -> None:
    workers = used()
    with fork():
        workers.close()
        assert len(children()) == 3
        memory = share(7)
    memory.unlink()
    used().close()
    assert children() == []


@alone
def test_a_fork_neither_ends_its_parents_trackers_nor_waits_for_its_threads() -> None:
    workers = used()
    before = children()

    def close_both() -> None:
        workers.close()
        used().close()

    other = FORK.Process(target=close_both)
    with trackers._lock:
        other.start()
    other.join(30)
    other.kill()
    assert other.exitcode == 0
    assert children() == before
    assert list(workers.map(abs, [-9])) == [9]
    workers.close()
    assert children() == []


@alone
def test_a_tracker_that_someone_else_watches_too_is_left() -> None:
    tracker: Any = vars(resource_tracker)["_resource_tracker"]
    workers = used()
    ours = tracker._send
    tracker._send = theirs = lambda *message: ours(*message)
    workers.close()
    assert only_multiprocessings_tracker()
    assert tracker._send is theirs
    tracker._send = ours
    used().close()
    assert children() == []
    assert "_send" not in vars(tracker)


@alone
def test_a_registration_at_the_moment_of_the_end_is_not_lost() -> None:
    asked: list[SharedMemory | None] = []

    def register(_: int, pid: int) -> bool:
        multiprocessings = "multiprocessing" in " ".join(psutil.Process(pid).cmdline())
        asked.append(share(7) if multiprocessings else None)
        return False

    workers = used()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "_held_elsewhere", register)
        workers.close()
    assert only_multiprocessings_tracker()
    (memory,) = filter(None, asked)
    memory.unlink()
    used().close()
    assert children() == []


@alone
def test_a_tracker_that_does_not_end_at_once_is_reaped_by_the_next_end() -> None:
    slept: list[float] = []
    workers = used()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "_held_elsewhere", lambda *_: False)
        patch.setattr(trackers, "_sleep", slept.append)
        with fork():
            workers.close()
            assert 1 <= sum(slept) <= 10
            assert len(children()) == 3
    used().close()
    assert children() == []


@pytest.mark.parametrize("module", [SimpleNamespace(), SimpleNamespace(_resource_tracker=SimpleNamespace(_fd=None))])
def test_a_tracker_of_an_unknown_kind_is_left_alone(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "unknown", module)
    assert watch.Watch.unless_running("unknown") is None
    assert not hasattr(getattr(module, "_resource_tracker", None), "_send")


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
