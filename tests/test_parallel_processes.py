"""Worker processes: what starts, what ends, what a worker inherits, and what is left afterwards.

Every scenario runs in a process of its own, as what a test runner has started would count. It must write nothing to
stderr.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future, wait
from functools import partial, wraps
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import psutil
import pytest

from perflab.errors import PerflabError
from perflab.parallel import Workers
from perflab.parallel.processes import ProcessExecutor, WorkerDiedError

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


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True)]


def used() -> Workers:
    workers = Workers(2)
    assert list(workers.map(abs, range(-4, 0))) == [4, 3, 2, 1]
    return workers


def until(met: Callable[[], bool]) -> None:
    for _ in range(1000):
        if met():
            return
        time.sleep(0.01)
    raise TimeoutError


def kill_a_worker(workers: Workers) -> None:
    with pytest.raises(BrokenExecutor, match="terminated by SIGKILL"):
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
def test_there_is_nothing_beside_the_workers_and_nothing_after_them() -> None:
    workers = used()
    assert len(children()) == 2
    workers.close()
    assert children() == []
    assert threading.enumerate() == [threading.main_thread()]


@alone
def test_one_call_starts_one_process() -> None:
    with Workers(2) as workers:
        assert workers.submit(abs, -1).result() == 1
        assert workers.submit(abs, -2).result() == 2
        assert len(children()) == 1


@alone
def test_workers_that_are_started_ahead_have_imported_what_was_named() -> None:
    with Workers(2) as workers:
        workers.start("wave", "no_such_module")
        assert list(workers.map(lambda name: name in sys.modules, ["wave"] * 8)) == [True] * 8
        assert len(children()) == 2


@alone
def test_nothing_is_left_after_workers_were_ended_at_work() -> None:
    workers = used()
    running = [workers.submit(signal.pause) for _ in range(2)]
    queued = workers.submit(signal.pause)
    until(lambda: workers._pool._executor is not None and workers._pool._executor._threads._work_queue.qsize() == 1)  # type: ignore[attr-defined]
    workers.close(cancel=True)
    assert all(isinstance(future.exception(), BrokenExecutor) for future in running)
    with pytest.raises(CancelledError):
        queued.result()
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
def test_a_worker_that_dies_is_missed_also_while_its_own_child_lives() -> None:
    def leave_a_child() -> None:
        if os.fork() == 0:
            os.closerange(1, 3)  # who gathers the output waits for its end
            time.sleep(30)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    with Workers(2) as workers, pytest.raises(BrokenExecutor, match="SIGKILL"):
        workers.submit(leave_a_child).result(timeout=20)


@alone
def test_a_worker_whose_call_closes_everything_is_ended() -> None:
    def close_everything() -> None:
        os.closerange(3, 100)
        time.sleep(60)

    with Workers(2) as workers:
        with pytest.raises(BrokenExecutor, match="closed its socket"):
            workers.submit(close_everything).result(timeout=20)
        assert workers.submit(abs, -1).result(timeout=20) == 1


@alone
def test_a_process_that_cannot_be_started_is_the_calls_error() -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise BlockingIOError("no more processes")

    executor = ProcessExecutor(1, spawn=refuse)
    assert isinstance(executor.submit(abs, -1).exception(20), BlockingIOError)
    executor.end(cancel=False)


@alone
def test_opening_and_closing_again_and_again_keeps_no_descriptor() -> None:
    used().close()
    opened = psutil.Process().num_fds()
    for _ in range(5):
        used().close()
        assert (children(), psutil.Process().num_fds()) == ([], opened)


@alone
def test_workers_that_were_dropped_end() -> None:
    used()
    gc.collect()
    assert children() == []


@alone
def test_an_interpreter_that_ends_before_its_pool_says_nothing() -> None:
    assert used().workers == 2


@alone
def test_workers_end_with_a_program_that_is_killed() -> None:
    code = "import signal; from perflab.parallel import Workers; w = Workers(2); w.submit(abs, 1).result(); "
    code += "print(*w._pool._executor._processes, flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        worker = psutil.Process(int(program.stdout.readline()))
        program.kill()
        worker.wait(30)


@alone
def test_an_interrupt_from_the_keyboard_is_the_callers_alone() -> None:
    with Workers(2) as workers:
        pid = workers.submit(os.getpid).result()
        os.kill(pid, signal.SIGINT)
        assert workers.submit(os.getpid).result() == pid


@alone
def test_a_fork_neither_uses_nor_ends_the_workers_of_its_parent() -> None:
    workers = used()
    before = children()

    def use_and_close() -> None:
        assert list(workers.map(abs, [-8])) == [8]
        workers.close(cancel=True)

    other = FORK.Process(target=use_and_close)
    other.start()
    other.join(60)
    assert other.exitcode == 0
    assert children() == before
    assert list(workers.map(abs, [-9])) == [9]
    workers.close()
    assert children() == []


@alone
def test_workers_end_also_while_a_fork_holds_their_sockets() -> None:
    workers = used()
    with fork():
        workers.close()
        assert len(children()) == 1
    assert children() == []


@alone
def test_shared_memory_outlives_the_worker_that_made_it_and_the_one_that_read_it() -> None:
    def made() -> str:
        memory = SharedMemory(create=True, size=8)
        memory.buf[0] = 7
        memory.close()
        return memory.name

    def read(name: str) -> int:
        memory = SharedMemory(name)
        value = memory.buf[0]
        memory.close()
        return value

    with Workers(2) as workers:
        name = workers.submit(made).result()
        assert workers.submit(read, name).result() == 7
    memory = SharedMemory(name)
    assert memory.buf[0] == 7
    memory.close()
    memory.unlink()


@alone
def test_a_module_in_the_working_folder_does_not_stand_in_for_what_a_worker_imports() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("struct.py").write_text("raise RuntimeError")
        with Workers(2) as workers:
            assert workers.submit(abs, -1).result() == 1


@alone
def test_modules_that_the_caller_can_import_its_workers_can() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "only_here.py").write_text("def double(x): return 2 * x")
        sys.path.insert(0, folder)
        from only_here import double  # type: ignore[import-not-found]  # made on the line before

        with Workers(2) as workers:
            assert list(workers.map(double, range(4))) == [0, 2, 4, 6]


class Unreadable:
    """Travels to a worker, and cannot be read there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse_in_worker, (os.getpid(),)


def _refuse_in_worker(home: int) -> None:
    if os.getpid() != home:
        raise LookupError("not here")


@pytest.fixture(scope="module")
def executor() -> Iterator[ProcessExecutor]:
    made = ProcessExecutor(2)
    yield made
    made.end(cancel=False)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (partial(divmod, 1, 0), ZeroDivisionError, "by zero"),
        (partial(len, Unreadable()), LookupError, "not here"),
        (threading.Lock, TypeError, "cannot pickle"),
        (partial(sys.exit, "enough"), SystemExit, "enough"),
    ],
)
def test_an_error_comes_home_and_the_worker_lives(
    executor: ProcessExecutor, call: Callable[[], object], error: type[BaseException], message: str
) -> None:
    caught = executor.submit(call).exception(60)
    assert isinstance(caught, error)
    assert message in str(caught)
    assert any("in worker process" in note for note in caught.__notes__)
    assert executor.submit(abs, -1).result(60) == 1


def test_what_cannot_travel_is_refused_at_once(executor: ProcessExecutor) -> None:
    with pytest.raises(TypeError, match="pickle"):
        executor.submit(len, threading.Lock())  # type: ignore[arg-type]  # on purpose


def test_closures_their_classes_and_large_values_travel_both_ways(executor: ProcessExecutor) -> None:
    class Local:
        def __init__(self, data: bytes) -> None:
            self.data = data

    def doubled(given: Local) -> Local:
        return Local(2 * given.data)

    found = executor.submit(doubled, Local(bytes(5_000_000))).result(60)
    assert type(found) is Local
    assert found.data == bytes(10_000_000)


def test_many_calls_from_many_threads_are_each_answered_once(executor: ProcessExecutor) -> None:
    found: dict[int, list[Future[int]]] = {}

    def ask(number: int) -> None:
        found[number] = [executor.submit(lambda x: x * x, number * 100 + at) for at in range(100)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait([future for futures in found.values() for future in futures], 60)
    for number, futures in found.items():
        assert [future.result() for future in futures] == [(number * 100 + at) ** 2 for at in range(100)]


def test_the_errors_say_what_is_wrong() -> None:
    broken = ProcessExecutor(1)
    died = broken.submit(os._exit, 3).exception(60)
    assert isinstance(died, PerflabError)
    assert "ended with exit status 3 in the middle of a call" in str(died)
    with pytest.raises(BrokenExecutor, match="exit status 3"):
        broken.submit(abs, -1)
    broken.end(cancel=True)
    with pytest.raises(RuntimeError):
        ProcessExecutor.submit(broken, abs, -1)


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()


def test_a_worker_that_is_killed_while_it_starts_has_died_and_is_waited_for() -> None:
    started: list[subprocess.Popen[bytes]] = []

    def spawn_dead(*args: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*args, **options))
        started[-1].kill()
        os.waitid(os.P_PID, started[-1].pid, os.WEXITED | os.WNOWAIT)
        return started[-1]

    executor = ProcessExecutor(1, spawn=spawn_dead)
    with pytest.raises(WorkerDiedError, match="was terminated by SIGKILL"):
        executor.submit(abs, -1).result(60)
    executor.end(cancel=False)
    assert [process.returncode for process in started] == [-signal.SIGKILL]
