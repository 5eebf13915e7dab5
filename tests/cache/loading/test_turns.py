"""Turns at loading among processes: what a lock file does while its owner lives, and after it was killed."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from subprocess import PIPE

import pytest

from perflab.cache.loading import turns as module
from perflab.cache.loading.flight import GaveUpError
from perflab.cache.loading.turns import NESTED_S, Turns

HOLD = """
import sys, time
from pathlib import Path
from perflab.cache.loading.turns import NESTED_S, Turns
with Turns(Path(sys.argv[1])).take("key"):
    print("held", flush=True)
    sys.stdin.read()
"""


class Clock:
    """Time goes on by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def holder(folder: Path) -> AbstractContextManager[None]:
    """Take the turn of `key` as another process would: a lock belongs to who opened the file."""
    turn = Turns(folder).take("key")
    contextvars.copy_context().run(turn.__enter__)
    return turn


def end(turn: AbstractContextManager[None]) -> None:
    contextvars.copy_context().run(turn.__exit__, None, None, None)


def make(folder: Path, clock: Clock) -> Turns:
    return Turns(folder, timer=clock, sleep=clock.sleep)


def test_another_process_waits_until_the_turn_ends_and_no_file_is_left(tmp_path: Path) -> None:
    clock, process = Clock(), holder(tmp_path)
    turns, waited = Turns(tmp_path, timer=clock), []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            end(process)

    turns._sleep = sleep
    with turns.take("other"):
        assert waited == [], "another key is another turn"
    with turns.take("key"):
        assert len(waited) == 3
        assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600]
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owner_holds_nobody_up(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=PIPE, stdout=PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    with Turns(tmp_path).take("key", timeout=0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_killed_owners_left_is_swept_and_what_is_held_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_EVERY", 2)
    turns, process = Turns(tmp_path), holder(tmp_path)
    with turns.take("first"):
        pass
    for number in range(5):
        (tmp_path / f"{number}.lock").touch()
    with turns.take("second"):
        assert len(list(tmp_path.iterdir())) == 7, "only every so often"
    with turns.take("third"):
        assert len(list(tmp_path.iterdir())) == 2, "the turn that is held elsewhere, and this one"
    end(process)


def test_a_turn_that_is_waited_for_in_vain_counts_as_hung(tmp_path: Path) -> None:
    clock, process = Clock(), holder(tmp_path)
    with (
        pytest.raises(GaveUpError, match=r"another process has been loading 'key' for more than 3 s"),
        make(tmp_path, clock).take("key", timeout=3),
    ):
        pytest.fail("it is not our turn")
    assert 3 <= clock.now < 3.1
    with make(tmp_path, clock).take("key", timeout=0):
        end(process)
        assert len(list(tmp_path.iterdir())) == 1, "the one that was given up removes its own file, not ours"
    assert list(tmp_path.iterdir()) == []


def test_who_waited_for_another_load_does_not_disown_this_one(tmp_path: Path) -> None:
    clock, first = Clock(), holder(tmp_path)
    turns, processes = make(tmp_path, clock), []
    lock = next(tmp_path.iterdir())

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if not processes:
            lock.rename(tmp_path / "aside")  # keeps its inode in use
            processes.append(holder(tmp_path))

    turns._sleep = sleep
    with pytest.raises(GaveUpError), turns.take("key", timeout=1):
        pytest.fail("it is not our turn")
    assert lock.exists()
    end(processes[0])
    end(first)


def test_loads_of_one_process_share_its_turn(tmp_path: Path) -> None:
    turns = Turns(tmp_path)

    async def task() -> None:
        async with turns.take_async("key"):
            assert len(list(tmp_path.iterdir())) == 1
            with turns.take("key", timeout=0):
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(task(), task())

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_task_waits_without_blocking_its_loop(tmp_path: Path) -> None:
    process, turns = holder(tmp_path), Turns(tmp_path)

    async def main() -> None:
        async def wait() -> str:
            async with turns.take_async("key"):
                return "mine"

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0.01)
        end(process)
        assert await asyncio.wait_for(task, 30) == "mine"

    asyncio.run(main())


def test_where_no_file_can_be_made_each_loads_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    heard: list[tuple[object, str]] = []
    turns = Turns(tmp_path / "file" / "loads", lambda key, reason: heard.append((key, reason)))
    with turns.take("key"), turns.take("key"):
        pass
    assert heard == [("key", "no lock: Not a directory")]


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "loads")
    with turns.take("key"):
        name = next(turns.folder.iterdir())
    victim = tmp_path / "victim"
    victim.write_text("text")
    name.symlink_to(victim)
    with turns.take("key"):
        pass
    assert victim.read_text() == "text"


def test_a_forked_child_does_not_have_its_parents_turn(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from perflab.cache.loading.flight import GaveUpError
from perflab.cache.loading.turns import NESTED_S, Turns
turns = Turns(Path(sys.argv[1]))
with turns.take("key"):
    if os.fork() == 0:
        try:
            with turns.take("key", timeout=0):
                os._exit(1)
        except GaveUpError:
            os._exit(0)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_loads_that_wait_for_each_other_in_a_circle_of_processes_end(tmp_path: Path) -> None:
    clock, heard, other = Clock(), [], holder(tmp_path)
    turns = Turns(tmp_path, lambda *what: heard.append(what), timer=clock, sleep=clock.sleep)
    with turns.take("another"), turns.take("key"):
        assert NESTED_S <= clock.now < NESTED_S + 0.1
        assert heard == [("key", "no lock: a load within a load")]
    with turns.take("another"), pytest.raises(GaveUpError), turns.take("key", timeout=1):
        pytest.fail("it is not our turn")
    end(other)
    with pytest.raises(ZeroDivisionError), turns.take("another"):
        _ = 1 / 0
    other = holder(tmp_path)
    with pytest.raises(GaveUpError), turns.take("key", timeout=3 * NESTED_S):
        pytest.fail("a load of its own waits as long as it may")
    end(other)
