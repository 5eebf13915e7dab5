"""Loaders that raise, hang, are interrupted or die with their process: nobody waits in vain, nothing wrong is kept."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import pytest
from causes import python
from contract import LONGEST_S, answered, pipeline

from perflab import PerformanceSystem

DYING = """
import os, signal, sys, threading, time
from pathlib import Path
from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache

folder = Path(sys.argv[1])

def cache():
    return TieredCache(MemoryCache(10**6), TTLCache(10**6), DiskCache(folder / "c"))

def hang():
    (folder / "begun").touch()
    time.sleep(1000)

def load():
    with (folder / "loads").open("a") as file:
        file.write("load\\n")
    return 42

def child(work):
    number = os.fork()
    if number == 0:
        work()
        sys.stdout.flush()
        os._exit(0)
    return number

def ask():
    tiers, answers = cache(), []
    threads = [threading.Thread(target=lambda: answers.append(tiers.get_or_load("key", load))) for _ in range(16)]
    for thread in threads:
        thread.start()
    while len(tiers._through._flights._waits) < 15:
        time.sleep(0.001)
    (folder / f"asks-{os.getpid()}").touch()
    for thread in threads:
        thread.join(30)
    print(sorted(answers))

victim = child(lambda: cache().get_or_load("key", hang))
while not (folder / "begun").exists():
    time.sleep(0.001)
others = [child(ask) for _ in range(2)]
while len(list(folder.glob("asks-*"))) < 2:
    time.sleep(0.001)
os.kill(victim, signal.SIGKILL)
killed = time.monotonic()
for number in others:
    os.waitpid(number, 0)
print(time.monotonic() - killed)
"""


@pytest.mark.fault("32 callers, the loading process killed")
def test_32_callers_in_two_processes_are_answered_by_one_load_after_the_loading_process_was_killed(
    tmp_path: Path,
) -> None:
    *answers, waited_s = python(DYING, tmp_path).splitlines()
    assert answers == [f"{[42] * 16}"] * 2
    assert float(waited_s) < LONGEST_S
    assert (tmp_path / "loads").read_text() == "load\n"


def ask_32(system: PerformanceSystem, load: Any) -> Counter[Any]:
    """Ask for one key in 32 threads at once; count the answers, and the errors by their type."""
    answers: Counter[Any] = Counter()

    def ask() -> None:
        try:
            answers[system.cache.get_or_load("key", load)] += 1
        except BaseException as error:
            answers[type(error)] += 1

    threads = [threading.Thread(target=ask) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_S)
    assert not any(thread.is_alive() for thread in threads)
    return answers


def wait_for_31(system: PerformanceSystem) -> None:
    while len(system.cache._through._flights._waits) < 31:
        time.sleep(0.001)


@pytest.mark.fault("32 callers, the loading one dies")
@pytest.mark.parametrize("death", [SystemExit, KeyboardInterrupt])
def test_32_callers_are_answered_by_one_more_load_after_the_loading_one_died(
    tmp_path: Path, death: type[BaseException]
) -> None:
    calls: list[int] = []

    def load() -> int:
        calls.append(1)
        if len(calls) == 1:
            wait_for_31(system)
            raise death
        return 42

    with pipeline(tmp_path / "c") as system:
        assert ask_32(system, load) == {42: 31, death: 1}
        assert len(calls) == 2
        assert system.frames.accesses["event"].value_counts()["load"] == 1


@pytest.mark.fault("loader raises")
def test_32_callers_get_the_error_and_the_next_one_tries_again(tmp_path: Path) -> None:
    calls: list[int] = []

    def load() -> NoReturn:
        calls.append(1)
        wait_for_31(system)
        raise ValueError("no answer")

    with pipeline(tmp_path / "c") as system:
        assert ask_32(system, load) == {ValueError: 32}
        assert len(calls) == 1
        assert "key" not in system.cache
        answered(system.cache, {"key": 42})
        events = system.frames.accesses["event"].astype(str).value_counts()
        assert (events["miss"], events["set"]) == (33, 1)


@pytest.mark.fault("loader raises")
def test_an_operation_whose_loader_raises_is_recorded_with_the_error(tmp_path: Path) -> None:
    def load() -> NoReturn:
        raise ValueError("no answer")

    with pipeline(tmp_path / "c") as system:
        with pytest.raises(ValueError, match="no answer"), system.operation("render", key="page"):
            system.cache.get_or_load("page", load)
        (error,) = system.frames.operations["error"]
    assert error == "ValueError: no answer"


@pytest.mark.fault("loader hangs")
def test_who_waits_for_a_loader_that_hangs_gets_a_timeout_and_the_next_call_tries_again(tmp_path: Path) -> None:
    begun, end = threading.Event(), threading.Event()

    def hang() -> str:
        begun.set()
        end.wait(60)
        return "late"

    with pipeline(tmp_path / "c") as system:
        hung = threading.Thread(target=system.cache.get_or_load, args=("key", hang))
        hung.start()
        begun.wait(60)
        since = time.monotonic()
        with pytest.raises(TimeoutError, match="key"):
            system.cache.get_or_load("key", lambda: "mine", timeout=0.2)
        assert system.cache.get_or_load("key", lambda: "next", timeout=0.2) == "next"
        assert time.monotonic() - since < LONGEST_S
        end.set()
        hung.join(60)
        assert system.cache.get("key") in ("next", "late"), "what some loader returned"


@pytest.mark.fault("loader interrupted")
def test_a_loader_that_a_signal_interrupts_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted() -> NoReturn:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
        raise AssertionError

    with pipeline(tmp_path / "c") as system:
        with pytest.raises(KeyboardInterrupt), system.operation("render"):
            system.cache.get_or_load("key", interrupted)
        assert "key" not in system.cache
        answered(system.cache, {"key": 42})
        assert system.frames.operations["error"].tolist() == ["KeyboardInterrupt: "]
        assert list(tmp_path.glob("c/**/*.lock")) == []
