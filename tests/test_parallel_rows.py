"""Rows that are recorded in workers: none doubled, none lost, each with its worker."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from perflab.config import RecordSettings
from perflab.parallel import Workers
from perflab.record import Recorder
from perflab.record.store import read_table

SMALL = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def processes() -> Iterator[Workers]:
    with Workers(2, "processes", in_flight=4) as made:
        yield made


def operations(recorder: Recorder) -> pd.DataFrame:
    return recorder.frames.operations.astype({"name": str, "stream": str, "run_id": str})


def record(recorder: Recorder, item: int) -> int:
    """Record one operation; at module level, as the standard library's pools want it."""
    with recorder.operation("work", key=item):
        return os.getpid()


def test_rows_of_two_processes_are_counted_exactly(processes: Workers) -> None:
    home = Recorder()

    def work(batch: int) -> int:
        for number in range(1000):
            with home.operation("work", key=f"{batch} {number}"):
                pass
        return os.getpid()

    pids = list(processes.map(work, range(8)))
    found = operations(home)
    assert len(found) == 8000
    assert set(found["key"]) == {f"{batch} {number}" for batch in range(8) for number in range(1000)}
    assert found["operation_id"].is_unique
    assert set(found["stream"]) == {f"process-{pid}" for pid in pids}
    assert os.getpid() not in pids
    assert set(found["run_id"]) == {home.run_id}


def test_rows_are_home_before_the_results_that_they_came_with(processes: Workers) -> None:
    home = Recorder()
    for done, _ in enumerate(processes.map(functools.partial(record, home), range(12)), start=1):
        assert {str(item) for item in range(done)} <= set(operations(home)["key"])


def test_operations_in_workers_know_their_parents(processes: Workers) -> None:
    home = Recorder()

    def work(item: int) -> None:
        home.access(item, "miss")
        with home.operation("outer", key=item), home.operation("inner"):
            home.access(item, "hit")

    with home.operation("caller"):
        list(processes.map(work, range(6)))
    list(processes.map(work, [6]))
    found = operations(home)
    caller = found.loc[found["name"] == "caller", "operation_id"].item()
    outer, inner = (found[found["name"] == name] for name in ("outer", "inner"))
    assert sorted(inner["parent_id"]) == sorted(outer["operation_id"])
    parents = outer.set_index("key")["parent_id"]
    assert [parents[str(item)] for item in range(6)] == [caller] * 6
    assert pd.isna(parents["6"])
    accesses = home.frames.accesses
    missed = accesses[accesses["event"] == "miss"].astype({"key": str, "operation": object}).set_index("key")
    assert missed["operation"].fillna("").loc[[str(item) for item in range(7)]].tolist() == ["caller"] * 6 + [""]
    assert set(accesses.loc[accesses["event"] == "hit", "operation"]) == {"inner"}


def test_a_call_that_is_submitted_brings_its_rows_and_its_error(processes: Workers) -> None:
    home = Recorder()

    def fail(key: str) -> None:
        with home.operation("fail", key=key):
            raise LookupError(key)

    with home.operation("caller"):
        pid = processes.submit(record, home, 5).result(timeout=60)
        future = processes.submit(fail, "k")
    with pytest.raises(LookupError, match="k"):
        future.result(timeout=60)
    found = operations(home).set_index("name")
    assert found["stream"]["work"] == f"process-{pid}"
    assert found["parent_id"]["work"] == found["parent_id"]["fail"] == found["operation_id"]["caller"]
    assert found["error"]["fail"] == "LookupError: k"


def test_a_batch_in_which_an_item_raised_brings_its_rows(processes: Workers) -> None:
    home = Recorder()

    def work(item: int) -> None:
        with home.operation("work", key=item):
            if item == 2:
                raise LookupError(item)

    with pytest.raises(LookupError):
        list(processes.map(work, [0, 1, 2, 3], weight=lambda _: 0))
    found = operations(home)
    assert found["key"].tolist() == ["0", "1", "2"]
    assert found["ok"].tolist() == [True, True, False]


def test_a_result_that_cannot_be_pickled_does_not_lose_the_rows() -> None:
    home = Recorder()

    def work(item: int) -> Any:
        record(home, item)
        return threading.Lock() if item == 0 else None

    with Workers(2, "processes") as workers:
        for _ in range(2):  # whichever process had it, the next items reach it
            with pytest.raises(Exception, match="pickle"):
                list(workers.map(work, [0]))
        list(workers.map(slow(work), range(1, 9)))
    found = operations(home)["key"].tolist()
    assert found.count("0") == 2
    assert len(found) == 10


def slow(work: Any) -> Any:
    """Return the function with a pause, in which the other worker takes an item."""

    def paused(item: int) -> Any:
        import time

        time.sleep(0.1)
        return work(item)

    return paused


def test_a_killed_worker_loses_only_the_rows_of_its_batch() -> None:
    home = Recorder()

    def work(item: int) -> int:
        record(home, item)
        if item == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    done: list[int] = []
    with Workers(2, "processes", in_flight=2) as workers:
        with pytest.raises(BrokenExecutor):
            done.extend(workers.map(work, range(20)))
        assert list(workers.map(work, [20, 21])) == [20, 21]
    found = operations(home)
    assert found["key"].is_unique
    assert {str(item) for item in done} <= set(found["key"])
    assert "6" not in set(found["key"])
    assert {"20", "21"} <= set(found["key"])
    assert len(found) <= len(done) + 3


def test_results_that_nobody_waits_for_bring_their_rows() -> None:
    home = Recorder()
    with Workers(2, "processes", in_flight=6) as workers:
        results = workers.map(functools.partial(record, home), range(100))
        next(results)
        results.close()
    keys = operations(home)["key"]
    assert keys.is_unique
    assert set(keys) == {str(item) for item in range(len(keys))}
    assert len(keys) >= 2


def test_one_recorder_twice_in_a_batch_is_one(processes: Workers) -> None:
    home, other = Recorder(), Recorder()

    def work(item: tuple[Recorder, int]) -> bool:
        record(home, item[1])
        record(item[0], item[1])
        return item[0] is home

    same = list(processes.map(work, [(home, 1), (other, 2), (home, 3)], weight=lambda _: 0))
    assert same == [True, False, True]
    assert sorted(operations(home)["key"]) == ["1", "1", "2", "3", "3"]
    assert operations(other)["key"].tolist() == ["2"]
    assert home.run_id != other.run_id
    assert set(operations(other)["run_id"]) == {other.run_id}


def test_a_recorder_that_was_closed_meanwhile_hides_no_result(processes: Workers, tmp_path: Path) -> None:
    home = Recorder(tmp_path / "run")
    results = processes.map(functools.partial(record, home), range(4))
    next(results)
    home.close()
    assert len(list(results)) == 3
    assert len(operations(home)) == 4
    assert read_table(tmp_path / "run", "operations").num_rows >= 1


def test_rows_of_workers_come_into_the_run_folder(processes: Workers, tmp_path: Path) -> None:
    home = Recorder(tmp_path / "run")
    pids = list(processes.map(functools.partial(record, home), range(10)))
    home.close()
    streams = read_table(tmp_path / "run", "operations").column("stream").to_pylist()
    assert sorted(streams) == sorted(f"process-{pid}" for pid in pids)


@pytest.mark.parametrize("kind", ["threads", "inline", "in place"])
def test_in_one_process_rows_are_recorded_once_under_the_caller(kind: str) -> None:
    home = Recorder()
    with pool(kind) as workers, home.operation("caller"):
        list(workers.map(functools.partial(record, home), range(40), weight=lambda _: 1))
        workers.submit(record, home, 40).result(timeout=60)
    found = operations(home)
    work, caller = found[found["name"] == "work"], found[found["name"] == "caller"]
    assert sorted(map(int, work["key"])) == list(range(41))
    assert set(work["parent_id"]) == {caller["operation_id"].item()}
    assert not work["stream"].str.startswith("process-").any()


def pool(kind: str) -> Workers:
    if kind == "in place":
        return Workers.over(InPlace(), workers=2)
    return Workers(1 if kind == "inline" else 2, "threads")


class InPlace(Executor):
    """Runs a call where it is handed over."""

    def submit(self, fn: Any, /, *args: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **named))
        return future


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_rows_come_home_from_a_pool_of_the_standard_library(method: str) -> None:
    home = Recorder()
    home.record_operation("before", 0.1)
    context = multiprocessing.get_context(method)
    with (
        home.operation("stale"),
        ProcessPoolExecutor(2, mp_context=context) as executor,
        Workers.over(executor, workers=2) as workers,
    ):
        executor.submit(abs, 1).result()
        with home.operation("caller"):
            pids = list(workers.map(functools.partial(record, home), range(50)))
    found = operations(home)
    work = found[found["name"] == "work"]
    assert work["key"].tolist() == [str(item) for item in range(50)]
    assert work["stream"].tolist() == [f"process-{pid}" for pid in pids]
    assert set(work["parent_id"]) == set(found.loc[found["name"] == "caller", "operation_id"])
    assert found["operation_id"].is_unique
    assert len(found) == 53


GLOBAL = Recorder(run_id="global")


def record_in_global(item: int) -> int:
    """Record through a global, which a fork inherits and no closure carries."""
    return record(GLOBAL, item)


def test_rows_of_a_recorder_that_a_fork_inherited_come_home() -> None:
    before = len(GLOBAL.frames.operations)
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(2, mp_context=context) as executor, Workers.over(executor, workers=2) as workers:
        pids = list(workers.map(record_in_global, range(20)))
    found = operations(GLOBAL).iloc[before:]
    assert found["stream"].tolist() == [f"process-{pid}" for pid in pids]


def test_settings_hold_in_workers(processes: Workers) -> None:
    home = Recorder(settings=RecordSettings(timestamps="off", sample_ratio=0.25, chunk_rows=32))

    def work(_: int) -> None:
        for key in range(400):
            home.access(str(key), "miss")

    for key in range(400):
        home.access(str(key), "miss")
    list(processes.map(work, range(3)))
    accesses = home.frames.accesses.astype({"key": str, "stream": str})
    kept = accesses.groupby("stream")["key"].agg(set)
    assert all(keys == kept["MainThread"] for keys in kept)
    assert len(accesses) == 4 * len(kept["MainThread"]) < 4 * 200


@pytest.mark.parametrize(("budget", "all_come"), [(512_000_000, True), (4_000_000, False)])
def test_a_million_rows_in_one_batch_come_home_or_are_counted(processes: Workers, budget: int, all_come: bool) -> None:
    home = Recorder(settings=RecordSettings(memory_budget_bytes=budget))

    def work(_: int) -> int:
        before = psutil.Process().memory_info().rss
        for number in range(100_000):
            home.access(number % 100, "hit", "l1", 5)
        for number in range(900_000):
            home.record_operation("x", 0.1, key=number % 100)
        return psutil.Process().memory_info().rss - before

    (grown,) = processes.map(work, [0])
    rows = home._logs["operations"].size()[0] + home._logs["accesses"].size()[0]
    assert rows + home.rows_dropped == 1_000_000
    assert (home.rows_dropped == 0) == all_come
    if not all_come:
        assert grown < 60_000_000


def test_without_a_recorder_workers_load_none_of_it() -> None:
    code = """
from perflab.parallel import Workers
import sys
if __name__ == "__main__":
    with Workers(2) as workers:
        loaded = list(workers.map(lambda _: "perflab.record" in sys.modules, range(2)))
    print(loaded, "perflab.record" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[False, False] False"


def test_a_reply_is_cancelled_with_its_call_and_never_while_it_runs() -> None:
    started, gate = threading.Event(), threading.Event()

    def wait() -> bool:
        started.set()
        return gate.wait(60)

    with ThreadPoolExecutor(1) as executor, Workers.over(executor, workers=2) as workers:
        running, waiting = workers.submit(wait), workers.submit(abs, -1)
        assert started.wait(60)
        assert waiting.cancel()
        assert waiting.cancelled()
        assert waiting.done()
        assert running.running()
        assert not running.cancel()
        gate.set()
        assert running.result(timeout=60)
        assert not running.running()
        assert not running.cancel()


def test_a_dask_cluster_in_this_process_records_once() -> None:
    import distributed

    home = Recorder()
    with (
        distributed.LocalCluster(**SMALL) as cluster,
        distributed.Client(cluster) as client,
        Workers.over(client.get_executor(), workers=2) as workers,
        home.operation("caller"),
    ):
        list(workers.map(functools.partial(record, home), range(20)))
    found = operations(home)
    assert sorted(map(int, found["key"].dropna())) == list(range(20))
    assert found["parent_id"].nunique() == 1
