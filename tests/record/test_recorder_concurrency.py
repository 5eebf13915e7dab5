"""No access is lost or doubled, whoever makes it and whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import dis
import gc
import subprocess
import sys
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.cache.tiers import reads
from perflab.config import RecordSettings
from perflab.record import Recorder, log, logs, recorder, sources, tape, tapes, uses
from perflab.record.store import RunFolder, read_info, read_table
from perflab.record.tape import Timestamps

MODES: tuple[Timestamps, ...] = ("exact", "chunk", "off")


def make(mode: Timestamps = "exact", chunk_rows: int = 64, run_dir: Path | None = None, **record: Any) -> TieredCache:
    kept = Recorder(run_dir, RecordSettings(timestamps=mode, chunk_rows=chunk_rows, **record))
    cache = TieredCache(MemoryCache(10**6, recorder=kept), TTLCache(0, recorder=kept), None, kept)
    for key in range(10):
        cache[key] = key
    return cache


def rows(cache: TieredCache) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cache.recorder.rows("accesses").to_pylist()
    return [row for row in found if row["event"] != "set"]


def read(cache: TieredCache, count: int, *, operations: bool = False) -> None:
    """Read so many times: nine hits, then a miss."""
    for number in range(count):
        if operations and number % 7 == 0:
            with cache.recorder.operation("work"):
                cache.get(number % 10 or "absent")
        else:
            cache.get(number % 10 or "absent")


def check(cache: TieredCache, count: int) -> None:
    """Hold the frame, and the counters, against so many reads."""
    found = Counter(row["event"] for row in rows(cache))
    assert found == {"hit": count * 9 // 10, "miss": count // 10}
    assert cache.recorder.totals() == {**found, "set": 10}
    cache.recorder.settle()
    assert Counter(row["event"] for row in rows(cache)) == found
    assert cache.recorder.totals() == {**found, "set": 10}


def one_thread(cache: TieredCache, operations: bool) -> int:
    read(cache, 4_000, operations=operations)
    return 4_000


def threads(cache: TieredCache, operations: bool) -> int:
    work = [threading.Thread(target=read, args=(cache, 3_000), kwargs={"operations": operations}) for _ in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    return 12_000


def pool(cache: TieredCache, operations: bool) -> int:
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda count: read(cache, count, operations=operations), [100] * 80))
    return 8_000


def tasks(cache: TieredCache, operations: bool) -> int:
    async def task() -> None:
        for _ in range(20):
            read(cache, 50, operations=operations)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(task() for _ in range(5)))

    asyncio.run(main())
    return 5_000


def tasks_in_threads(cache: TieredCache, operations: bool) -> int:
    async def main() -> None:
        read(cache, 10)  # so that the context has a tape, which the threads share
        await asyncio.gather(*(asyncio.to_thread(read, cache, 1_500, operations=operations) for _ in range(4)))

    asyncio.run(main())
    return 6_010


def copied_contexts(cache: TieredCache, operations: bool) -> int:
    with cache.recorder.operation("around"):
        read(cache, 10)
        contexts = [contextvars.copy_context() for _ in range(4)]
        work = [
            threading.Thread(target=context.run, args=(read, cache, 1_500), kwargs={"operations": operations})
            for context in contexts
        ]
        for thread in work:
            thread.start()
        read(cache, 1_500)
        for thread in work:
            thread.join()
    return 7_510


def generators(cache: TieredCache, operations: bool) -> int:
    def generate(name: str) -> Iterator[None]:
        with cache.recorder.operation(name):
            for _ in range(20):
                read(cache, 20, operations=operations)
                yield

    items = [generate(name) for name in "abc"]
    for _ in range(20):
        for item in items:
            next(item)
    return 1_200


WORK = [one_thread, threads, pool, tasks, tasks_in_threads, copied_contexts, generators]


@pytest.fixture
def _switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switch_often")
@pytest.mark.parametrize("operations", [False, True], ids=["", "operations"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("work", WORK)
def test_rows_are_accesses(work: Callable[[TieredCache, bool], int], mode: Timestamps, operations: bool) -> None:
    cache = make(mode)
    check(cache, work(cache, operations))


@pytest.mark.usefixtures("_switch_often")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("look", ["rows", "settle"])
def test_rows_that_are_read_while_others_write_are_none_too_many(look: str, mode: Timestamps) -> None:
    cache = make(mode)
    done = threading.Event()
    seen = []

    def watch() -> None:
        while not done.is_set():
            if look == "settle":
                cache.recorder.settle()
            seen.append(len(rows(cache)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    threads(cache, True)
    done.set()
    watcher.join()
    assert seen == sorted(seen)
    assert seen[-1] <= 12_000
    check(cache, 12_000)


@pytest.mark.usefixtures("_switch_often")
@pytest.mark.parametrize("mode", MODES)
def test_rows_that_go_to_a_run_folder_meanwhile_are_all_there(mode: Timestamps, tmp_path: Path) -> None:
    cache = make(mode, 64, tmp_path / "run", flush_interval_s=0.01)
    threads(cache, True)
    check(cache, 12_000)
    assert cache.recorder.rows_dropped == 0
    cache.recorder.close()
    assert read_table(tmp_path / "run", "accesses").num_rows == 12_010
    check(cache, 12_000)


def test_the_budget_drops_no_row_that_is_on_its_way_to_the_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = make(run_dir=tmp_path / "run")
    write = RunFolder.write

    def write_slowly(*what: Any, **how: Any) -> Path:
        cache.recorder._logs["accesses"].let_go()  # another thread, which has found too many bytes in memory
        return write(*what, **how)

    read(cache, 1_000)
    monkeypatch.setattr(RunFolder, "write", write_slowly)
    cache.recorder.flush()
    check(cache, 1_000)
    assert cache.recorder.rows_dropped == 0
    cache.recorder.close()


@pytest.mark.parametrize("mode", MODES)
def test_past_the_budget_dropped_rows_and_kept_ones_are_all(mode: Timestamps) -> None:
    cache = make(mode, 16, memory_budget_bytes=20_000)
    for number in range(5_000):
        cache.get(f"absent-{number}")
    kept = cache.recorder.rows("accesses", ["key"])["key"].to_pylist()
    assert kept == [f"absent-{number}" for number in range(5_000 - len(kept), 5_000)]
    assert 0 < len(kept) < 5_000
    assert cache.recorder.rows_dropped + len(kept) == 5_010
    assert cache.recorder.totals()["miss"] == 5_000


@pytest.mark.parametrize("cut", [16, 4096])
@pytest.mark.parametrize("settles", [False, True])
def test_exact_rows_of_one_thread_stand_in_the_order_in_which_they_were_made(cut: int, settles: bool) -> None:
    assert in_order("exact", cut, settles)


@pytest.mark.parametrize("mode", ["chunk", "off"])
def test_estimated_rows_of_one_thread_stand_in_the_order_in_which_they_were_made(mode: Timestamps) -> None:
    assert in_order(mode, 4096, settles=False)


def in_order(mode: Timestamps, chunk_rows: int, settles: bool) -> bool:
    """Read with nested operations and tell if the rows stand in the same order."""
    cache = make(mode, chunk_rows)
    if settles:
        cache.recorder.settle()
    expected: list[str] = []

    def note(key: int | str) -> None:
        cache.get(key)
        expected.append(str(key))

    for number in range(60):
        note(number % 10)
        with cache.recorder.operation("outer"):
            note(number % 7)
            for _ in range(number % 3):
                with cache.recorder.operation("inner"):
                    note(number % 5)
                    note("absent")
            note(number % 4)
    return [row["key"] for row in rows(cache)] == expected


@pytest.mark.usefixtures("_switch_often")
def test_times_of_each_thread_do_not_go_back() -> None:
    cache = make()
    threads(cache, True)
    found = rows(cache)
    times = [row["t"] for row in found]
    assert None not in times
    assert times == sorted(times)
    assert not any(row["t_estimated"] for row in found)


@pytest.mark.usefixtures("_switch_often")
def test_only_hits_in_l1_are_estimated() -> None:
    cache = make("chunk")
    threads(cache, True)
    found = rows(cache)
    assert all(row["t_estimated"] == (row["tier"] == "l1") for row in found)
    assert all(row["t"] is not None for row in found)


@pytest.mark.skipif(reads.Reads is not reads.PythonReads, reason="what it falls between is one call of perflab._native")
def test_times_stay_with_their_hits_after_threads_have_shared_a_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = make(chunk_rows=16)
    cache.get(1)
    context = contextvars.copy_context()

    def other() -> None:
        worker = threading.Thread(target=context.run, args=(read_once,))
        worker.start()
        worker.join()

    def read_once() -> None:
        while len(cache.recorder.tapes.tape()) > 0:
            cache.get(2)

    # The other thread cuts while this one stands between the two appends of a hit.
    monkeypatch.setattr(reads, "perf_counter", Once(other))
    cache.get(3)
    time.sleep(0.002)
    before = now(cache)
    cache.get(4)
    assert [row["t"].timestamp() >= before for row in rows(cache) if row["key"] == "4"] == [True]


class Once:
    """A clock that calls back at its first read."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def __call__(self) -> float:
        call, self.call = self.call, None
        if call is not None:
            call()
        return time.perf_counter()


def now(cache: TieredCache) -> float:
    """Return the time of day as the recorder has it, rounded down to microseconds."""
    return cache.recorder.clock.ns(time.perf_counter()) // 1000 / 1e6


class Interrupt:
    """Raises KeyboardInterrupt where Python looks for signals, at the n-th such place in the recorder's hot path."""

    FILES = frozenset(
        module.__file__ for module in (reads, tape, recorder, tapes, sources, log, logs, uses) if module.__file__
    )
    LOOKS = frozenset(dis.opmap[name] for name in ("CALL", "CALL_FUNCTION_EX", "RESUME", "JUMP_BACKWARD"))

    def __init__(self, at: int) -> None:
        self.left = at
        self._last: dict[int, int] = {}

    def __call__(self, frame: types.FrameType, event: str, _: Any) -> Any:
        if event == "call":
            if frame.f_code.co_filename not in self.FILES:
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            return self
        if event == "opcode":
            last = self._last.get(id(frame), dis.opmap["RESUME"])
            self._last[id(frame)] = frame.f_code.co_code[frame.f_lasti]
            self.left -= last in self.LOOKS
            if self.left < 0:
                raise KeyboardInterrupt
        return self


def interrupted(cache: TieredCache, at: int) -> tuple[int, bool]:
    """Read 24 times, interrupted once; return how many reads ended, and if an interrupt came at all."""
    done = 0
    before = sys.gettrace()
    gc.disable()  # what dies in it dies elsewhere
    sys.settrace(Interrupt(at))
    try:
        for number in range(24):
            cache.get(number % 9)
            done += 1
    except KeyboardInterrupt:
        return done, True
    finally:
        sys.settrace(before)
        gc.enable()
    return done, False


def interruptions(mode: Timestamps) -> Iterator[tuple[int, TieredCache, int]]:
    """Yield place, cache and ended reads of each place at which Ctrl-C can fall."""
    for at in range(10_000):
        cache = make(mode, 16)
        cache.recorder.settle()
        done, came = interrupted(cache, at)
        if not came:
            return
        yield at, cache, done


@pytest.mark.parametrize("mode", MODES)
def test_after_an_interrupt_everything_still_works(mode: Timestamps) -> None:
    places = 0
    for places, cache, _ in interruptions(mode):
        cache.get("absent")
        cache.recorder.settle()
        found = len(rows(cache))
        read(cache, 100)
        cache.recorder.settle()
        assert len(rows(cache)) in (found + 100, found + 101), f"interrupted at place {places}"
    assert places > 30


@pytest.mark.parametrize("mode", MODES)
def test_an_interrupt_loses_and_doubles_no_row(mode: Timestamps) -> None:
    wrong = {}
    for at, cache, done in interruptions(mode):
        cache.recorder.settle()
        found = sum(row["event"] == "hit" for row in rows(cache))
        if found not in (done, done + 1):
            wrong[at] = found - done
    assert wrong == {}


def test_after_an_interrupt_times_stay_with_their_hits() -> None:
    wrong = []
    for at, cache, _ in interruptions("exact"):
        before = now(cache)
        cache.get(9)
        after = now(cache) + 1e-6
        cache.get(1)
        cache.get(2)
        (found,) = (row["t"].timestamp() for row in rows(cache) if row["key"] == "9")
        if not before <= found <= after:
            wrong.append(at)
    assert wrong == []


@pytest.mark.parametrize("mode", MODES)
def test_an_interrupt_while_rows_become_columns_loses_and_doubles_none(mode: Timestamps) -> None:
    for at in range(10_000):
        cache = make(mode)
        read(cache, 30)
        with cache.recorder.operation("work"):
            read(cache, 10)
        if not interrupted_in(cache.recorder.settle, at):
            break
        check(cache, 40)
    assert at > 20


def interrupted_in(call: Callable[[], object], at: int) -> bool:
    """Call, with an interrupt at the n-th place for one; tell if there was such a place."""
    before = sys.gettrace()
    gc.disable()
    sys.settrace(Interrupt(at))
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
        gc.enable()
    return False


PRELUDE = """
import os, signal, sys, threading, time
from pathlib import Path
from perflab.cache import MemoryCache, TieredCache, TTLCache
from perflab.config import RecordSettings
from perflab.record import Recorder

def make(run_dir=None, **record):
    recorder = Recorder(run_dir, RecordSettings(**record))
    cache = TieredCache(MemoryCache(10**6, recorder=recorder), TTLCache(0, recorder=recorder), None, recorder)
    cache["k"] = 1
    return cache

def hold(lock):
    "Hold a lock in another thread, for ever."
    held = threading.Event()
    def work():
        with lock:
            held.set()
            time.sleep(1000)
    threading.Thread(target=work, daemon=True).start()
    held.wait()

def fork(child):
    "Run the child in a fork; print what it returns, or that it hangs."
    sys.stdout.flush()
    number = os.fork()
    if number == 0:
        print("child", child(), flush=True)
        os._exit(0)
    for _ in range(3_000):
        if os.waitpid(number, os.WNOHANG)[0]:
            return
        time.sleep(0.01)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    print("child hangs")
"""


def run(script: str, *arguments: object, timeout_s: float = 60) -> str:
    """Run a script in a process of its own; return what it prints, or that it hangs."""
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + script, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "hangs"
    return (done.stdout + done.stderr).strip()


FORKED = """
cache = make()
cache.get("k")
worker = threading.Thread(target=lambda: (cache.get("k"), time.sleep(1000)), daemon=True)
worker.start()
while cache.recorder.totals()["hit"] < 2:
    time.sleep(0.01)
LOCK
def child():
    cache.get("k")
    with cache.recorder.operation("child"):
        cache.get("k")
    cache["new"] = 2
    return sorted(cache.recorder.totals().items()), cache.recorder.rows("accesses").num_rows
fork(child)
UNLOCK
print("parent", cache.recorder.rows("accesses").num_rows)
os._exit(0)
"""
AFTER_FORK = "child ([('hit', 2), ('set', 1)], 3)\nparent 3"


def test_a_forked_child_starts_empty_and_its_parent_keeps_everything() -> None:
    assert run(FORKED.replace("UNLOCK", "").replace("LOCK", "")) == AFTER_FORK


LOCKS = {
    "log": "cache.recorder._logs['accesses']._lock",
    "tapes": "cache.recorder.tapes.lock",
    "l1": "cache.l1._lock",
    "tiers": "cache._tiers.memory.lock",
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_child_that_is_forked_while_a_thread_holds_a_lock_works(lock: str) -> None:
    script = FORKED.replace("UNLOCK", "print('parent 3'); os._exit(0)").replace("LOCK", f"hold({LOCKS[lock]})")
    # What the other thread was at may be half done, so the tier is empty in the child: both reads miss.
    expected = AFTER_FORK.replace("hit", "miss") if lock == "l1" else AFTER_FORK
    assert run(script) == expected


def test_a_child_writes_nothing_into_its_parents_run_folder(tmp_path: Path) -> None:
    script = """
folder = Path(sys.argv[1])
cache = make(folder, flush_interval_s=0.05)
cache.get("k")
def child():
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())
    for _ in range(3):
        cache.get("k")
        cache.recorder.flush()
        time.sleep(0.1)
    cache.recorder.add("events", name="child")
    cache.recorder.close("failed")
    return cache.recorder.rows("accesses").num_rows
fork(child)
cache.recorder.close()
"""
    assert run(script, tmp_path / "run") == "child 3"
    assert read_info(tmp_path / "run")["status"] == "finished"
    assert read_table(tmp_path / "run", "accesses").num_rows == 2
    assert read_table(tmp_path / "run", "events").num_rows == 0


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_threads_that_ended_are_there_at_the_end(mode: Timestamps, tmp_path: Path) -> None:
    script = """
cache = make(Path(sys.argv[1]), timestamps=sys.argv[2])
work = [threading.Thread(target=lambda: [cache.get("k") for _ in range(10)]) for _ in range(3)]
for thread in work:
    thread.start()
for thread in work:
    thread.join()
print(cache.recorder.rows("accesses").num_rows)
cache.recorder.close()
"""
    assert run(script, tmp_path / "run", mode) == "31"
    assert read_table(tmp_path / "run", "accesses").num_rows == 31


def test_a_program_that_closes_nothing_ends_without_a_word(tmp_path: Path) -> None:
    script = """
cache = make(Path(sys.argv[1]))
operation = cache.recorder.operation("open")
operation.__enter__()
for _ in range(10):
    cache.get("k")
items = (cache.get("k") for _ in range(3))
next(items)
"""
    assert run(script, tmp_path / "run") == ""


def test_frames_can_be_read_while_the_interpreter_ends(tmp_path: Path) -> None:
    script = """
import atexit
cache = make(Path(sys.argv[1]))
atexit.register(lambda: print(len(cache.recorder.frames.accesses)))
cache.get("k")
"""
    assert run(script, tmp_path / "run") == "2"


def test_a_program_that_closes_nothing_leaves_its_rows(tmp_path: Path) -> None:
    run("cache = make(Path(sys.argv[1]))\nfor _ in range(10): cache.get('k')", tmp_path / "run")
    assert read_table(tmp_path / "run", "accesses").num_rows == 11


def test_a_program_ends_while_a_daemon_thread_is_recording() -> None:
    assert run("cache = make()\ncache.get('k')\nhold(cache.recorder.tapes.lock)") == ""


DEADLOCK = """
cache = make()
cache.l1.resize(600)
inside = threading.Event()

class Key:
    def __repr__(self):
        def evict():
            for number in range(10):
                cache[number] = number
                cache.get(number)
        threading.Thread(target=evict, daemon=True).start()
        time.sleep(0.3)
        cache["inside"] = 1
        return "key"

cache.recorder.access(Key(), "miss")
def look():
    print(sorted(set(cache.recorder.rows("accesses")["key"].to_pylist())), flush=True)
looker = threading.Thread(target=look, daemon=True)
looker.start()
looker.join(30)
print("hangs" if looker.is_alive() else "ends", flush=True)
os._exit(0)
"""


def test_a_key_whose_text_comes_from_the_cache_blocks_nobody() -> None:
    assert run(DEADLOCK).endswith("ends")


def test_rows_of_another_recorder_count_in_every_counter() -> None:
    home, worker = make(), make()
    worker.get("absent")
    home.recorder.absorb({"accesses": worker.recorder.rows("accesses")})
    found = Counter(home.recorder.rows("accesses")["event"].to_pylist())
    assert home.recorder.totals() == found
