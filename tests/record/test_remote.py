"""Recorders in other processes: one object at home, one that stands for it elsewhere, each row home once.

Another process is mostly one that is played: this process with registries of its own.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import pickle
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # ships no type information
import numpy as np
import pandas as pd
import pytest

from perflab.config import RecordSettings
from perflab.errors import PerflabError
from perflab.record import NULL_RECORDER, Recorder, SilentRecorder, remote
from perflab.record.log import MERGE_PIECES
from perflab.record.remote import WorkerRows, callers, carried, on_behalf_of


def unpickled(data: bytes) -> Any:
    """Return what was pickled in this test."""
    return pickle.loads(data)  # noqa: S301 - the bytes are our own


class Elsewhere:
    """Another process, played in this one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._known: Any = weakref.WeakValueDictionary({NULL_RECORDER.address: NULL_RECORDER})
        self._away: dict[str, Recorder] = {}

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        with self._monkeypatch.context() as patched:
            patched.setattr(remote, "_known", self._known)
            patched.setattr(remote, "_away", self._away)
            patched.setattr(remote, "stream_here", lambda: "process-77")
            yield

    def loads(self, data: bytes) -> Any:
        with self.here():
            return unpickled(data)

    def sends(self) -> bytes:
        """Return what an outcome of this process carries."""
        with self.here():
            return pickle.dumps(carried())


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    return Elsewhere(monkeypatch)


def deliver(sent: bytes) -> None:
    rows = unpickled(sent)
    if rows is not None:
        rows.deliver()


def operations(recorder: Recorder) -> pd.DataFrame:
    return recorder.frames.operations.astype({"name": str, "stream": str, "run_id": str})


def test_at_home_a_recorder_comes_back_as_itself() -> None:
    recorder = Recorder()
    assert unpickled(pickle.dumps(recorder)) is recorder
    assert copy.deepcopy([recorder])[0] is recorder
    assert copy.copy(recorder) is recorder
    assert carried() is None


def test_recorders_of_one_run_id_are_told_apart() -> None:
    first, second = Recorder(run_id="same"), Recorder(run_id="same")
    assert unpickled(pickle.dumps([second, first])) == [second, first]


def test_elsewhere_one_recorder_stands_for_it_in_each_process(elsewhere: Elsewhere) -> None:
    settings = RecordSettings(timestamps="chunk", sample_ratio=0.5, chunk_rows=64)
    home = Recorder(settings=settings)
    worker, again = elsewhere.loads(pickle.dumps([home, home]))
    assert worker is again is elsewhere.loads(pickle.dumps(home))
    assert worker is not home
    assert (worker.run_id, worker.run_dir, worker.tapes.timestamps) == (home.run_id, None, "chunk")
    assert worker._settings == settings


def test_a_recorder_that_stands_for_another_leads_home_from_anywhere(elsewhere: Elsewhere) -> None:
    home = Recorder()
    worker = elsewhere.loads(pickle.dumps(home))
    with elsewhere.here():
        sent = pickle.dumps(worker)
    assert unpickled(sent) is home


def test_the_null_recorder_is_the_same_everywhere(elsewhere: Elsewhere) -> None:
    assert unpickled(pickle.dumps(NULL_RECORDER)) is NULL_RECORDER
    assert elsewhere.loads(pickle.dumps(NULL_RECORDER)) is NULL_RECORDER


def test_a_silent_recorder_is_silent_elsewhere_too(elsewhere: Elsewhere) -> None:
    worker = elsewhere.loads(pickle.dumps(SilentRecorder()))
    assert type(worker) is SilentRecorder
    worker.access("k", "hit")
    with worker.operation("x"):
        pass
    assert unpickled(elsewhere.sends())._parcels == []


def test_rows_come_home_once_with_run_id_and_stream(elsewhere: Elsewhere) -> None:
    home = Recorder()
    worker = elsewhere.loads(pickle.dumps(home))
    with worker.operation("outer", key=("k", 1)) as outer:
        outer.nbytes = 5
        with worker.operation("inner"):
            worker.access("key", "hit", "l1", 12)
    worker.record_operation("timed", 0.5, related_keys=["a"], cache_hit=True)
    worker.add("events", name="x", payload="{}")
    sent = elsewhere.sends()
    rows = unpickled(sent)
    rows.deliver()
    rows.deliver()
    found = operations(home)
    assert found["name"].tolist() == ["inner", "outer", "timed"]
    assert found["parent_id"].tolist()[0] == found["operation_id"].tolist()[1]
    assert found["key"].tolist()[1] == "('k', 1)"
    assert found["nbytes"].tolist()[1] == 5
    assert found["related_keys"].tolist()[2] == '["a"]'
    assert set(found["stream"]) == {"process-77"}
    assert set(found["run_id"]) == {home.run_id}
    access = home.frames.accesses.iloc[0]
    assert (access["key"], access["operation"], access["stream"]) == ("key", "inner", "process-77")
    assert access["operation_id"] == found["operation_id"].tolist()[0]
    assert len(home.frames.events) == 1
    assert worker.frames.operations.empty
    assert worker.frames.accesses.empty


def test_only_what_is_new_travels_and_nothing_travels_where_nothing_is(elsewhere: Elsewhere) -> None:
    home = Recorder()
    assert unpickled(elsewhere.sends()) is None
    worker = elsewhere.loads(pickle.dumps(home))
    assert unpickled(elsewhere.sends())._parcels == []
    for name in ("first", "second"):
        with worker.operation(name):
            pass
        deliver(elsewhere.sends())
    deliver(elsewhere.sends())
    assert operations(home)["name"].tolist() == ["first", "second"]


def test_rows_that_are_passed_on_by_another_process_are_still_there(elsewhere: Elsewhere) -> None:
    home = Recorder()
    with elsewhere.loads(pickle.dumps(home)).operation("x"):
        pass
    deliver(pickle.dumps(unpickled(elsewhere.sends())))
    assert len(home.frames.operations) == 1


def test_rows_stay_where_they_are_if_what_they_travel_with_cannot_be_pickled(elsewhere: Elsewhere) -> None:
    home = Recorder()
    with elsewhere.loads(pickle.dumps(home)).operation("x"):
        pass
    with elsewhere.here(), pytest.raises(TypeError, match="pickle"):
        pickle.dumps((threading.Lock(), carried()))
    deliver(elsewhere.sends())
    assert len(home.frames.operations) == 1


def test_keys_and_values_of_any_kind_travel(elsewhere: Elsewhere) -> None:
    home = Recorder()
    worker = elsewhere.loads(pickle.dumps(home))
    keys: list[object] = [threading.Lock(), lambda: None, "\ud800", float("nan"), "x" * 2_000_000, None]
    for key in keys:
        worker.record_operation("odd", 0.1, key=key)
    for nbytes in (np.int64(3), pd.NA, 2**80, "many", None):
        with worker.operation("odd") as op:
            op.nbytes = nbytes
    sent = elsewhere.sends()
    deliver(sent)
    found = operations(home)
    assert len(found) == 11
    assert found["key"].iloc[0].startswith("<unlocked _thread.lock")
    assert found["key"].iloc[2:4].tolist() == ["\\ud800", "nan"]
    assert found["nbytes"].dropna().tolist() == [3]
    assert len(sent) < 20_000


def test_many_rows_travel_as_columns_and_none_is_lost_between(elsewhere: Elsewhere) -> None:
    home = Recorder(settings=RecordSettings(chunk_rows=16))
    worker = elsewhere.loads(pickle.dumps(home))
    for count in (16, 17, 5, 40_000, 1):
        for _ in range(count):
            worker.record_operation("x", 0.1)
        deliver(elsewhere.sends())
    assert len(home.frames.operations) == 40_039
    assert home.frames.operations["operation_id"].is_unique


@pytest.mark.parametrize(("timestamps", "estimated"), [("exact", 0), ("chunk", 5), ("off", 0)])
def test_times_are_taken_as_the_home_wants_them(elsewhere: Elsewhere, timestamps: Any, estimated: int) -> None:
    from perflab.cache import MemoryCache, TieredCache, TTLCache

    home = Recorder(settings=RecordSettings(timestamps=timestamps))
    worker = elsewhere.loads(pickle.dumps(home))
    cache = TieredCache(MemoryCache(10_000), TTLCache(10_000), None, worker)
    cache["k"] = 1
    for _ in range(5):
        cache.get("k")
    deliver(elsewhere.sends())
    hits = home.frames.accesses.query("event == 'hit'")
    assert len(hits) == 5
    assert hits["t"].isna().sum() == (5 if timestamps == "off" else 0)
    assert hits["t_estimated"].sum() == estimated


def test_the_share_of_keys_is_that_of_the_home(elsewhere: Elsewhere) -> None:
    home = Recorder(settings=RecordSettings(sample_ratio=0.25))
    worker = elsewhere.loads(pickle.dumps(home))
    for recorder in (home, worker):
        for key in range(400):
            recorder.access(str(key), "miss")
    deliver(elsewhere.sends())
    accesses = home.frames.accesses.astype({"key": str, "stream": str})
    kept = accesses.groupby("stream")["key"].agg(set)
    assert kept["process-77"] == kept["MainThread"]
    assert 50 < len(kept["process-77"]) < 150


def test_what_a_worker_drops_is_counted_at_home(elsewhere: Elsewhere) -> None:
    home = Recorder(settings=RecordSettings(chunk_rows=1000, memory_budget_bytes=300_000))
    worker = elsewhere.loads(pickle.dumps(home))
    for number in range(20_000):
        worker.record_operation("x", 0.1, key=f"key {number}")
    assert worker.rows_dropped > 0
    deliver(elsewhere.sends())
    deliver(elsewhere.sends())
    assert len(home.frames.operations) + home.rows_dropped == 20_000
    assert worker.rows_dropped == 0


def test_columns_of_many_small_batches_become_few(elsewhere: Elsewhere) -> None:
    home = Recorder()
    worker = elsewhere.loads(pickle.dumps(home))
    for number in range(10 * MERGE_PIECES):
        worker.access(f"k{number}", "hit", "l1", number)
        deliver(elsewhere.sends())
        if number % 50 == 0:
            assert len(home.frames.accesses) == home._logs["accesses"].size()[0] == number + 1
    assert len(home._logs["accesses"].sources()) < MERGE_PIECES + 10
    accesses = home.frames.accesses
    assert sorted(accesses["nbytes"]) == list(range(10 * MERGE_PIECES))
    assert set(accesses["stream"].astype(str)) == {"process-77"}


def test_rows_of_a_recorder_that_is_gone_are_dropped_quietly(elsewhere: Elsewhere) -> None:
    home = Recorder()
    with elsewhere.loads(pickle.dumps(home)).operation("x"):
        pass
    sent = elsewhere.sends()
    del home
    gc.collect()
    deliver(sent)


def test_rows_that_come_after_the_close_stay_in_memory(elsewhere: Elsewhere, tmp_path: Any) -> None:
    home = Recorder(tmp_path / "run")
    worker = elsewhere.loads(pickle.dumps(home))
    with home.operation("before"), worker.operation("after"):
        pass
    home.close()
    deliver(elsewhere.sends())
    assert operations(home)["name"].tolist() == ["before", "after"]


def test_rows_come_into_the_run_folder(elsewhere: Elsewhere, tmp_path: Any) -> None:
    from perflab.record.store import read_table

    home = Recorder(tmp_path / "run")
    worker = elsewhere.loads(pickle.dumps(home))
    for key in range(3):
        worker.access(key, "hit")
        worker.record_operation("x", 0.1)
        deliver(elsewhere.sends())
        home.flush()
    home.close()
    assert read_table(tmp_path / "run", "accesses").num_rows == 3
    assert read_table(tmp_path / "run", "operations").num_rows == 3


def test_rows_that_cannot_be_added_cost_one_warning_and_no_other_rows(elsewhere: Elsewhere) -> None:
    home, other = Recorder(), Recorder()
    for recorder in (home, other):
        with elsewhere.loads(pickle.dumps(recorder)).operation("x"):
            pass
    rows = unpickled(elsewhere.sends())
    home.receive = lambda *_: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    with pytest.warns(RuntimeWarning, match="workers recorded are lost: ZeroDivisionError: division by zero") as warned:
        rows.deliver()
    assert len(warned) == 1
    assert len(other.frames.operations) == 1


def test_rows_that_cannot_be_sent_cost_a_warning_at_home_and_no_result(elsewhere: Elsewhere) -> None:
    home = Recorder()
    worker = elsewhere.loads(pickle.dumps(home))
    worker.take = lambda _: 1 / 0
    with elsewhere.here():
        sent = pickle.dumps(("result", carried()))
    result, rows = unpickled(sent)
    assert result == "result"
    with pytest.warns(RuntimeWarning, match="lost: ZeroDivisionError"):
        rows.deliver()
    rows.deliver()


def test_an_operation_that_has_begun_stays_at_home() -> None:
    recorder = Recorder()
    with (
        recorder.operation("long") as op,
        pytest.raises(PerflabError, match="The operation 'long' has begun in this process"),
    ):
        pickle.dumps(op)


def test_a_function_whose_calls_are_operations_travels(elsewhere: Elsewhere) -> None:
    home = Recorder()

    @home.operation("double", key=lambda number: number)
    def double(number: int) -> int:
        return 2 * number

    fn = elsewhere.loads(cloudpickle.dumps(double))
    assert [fn(4), fn(5)] == [8, 10]
    deliver(elsewhere.sends())
    found = operations(home)
    assert found["key"].tolist() == ["4", "5"]
    assert found["stream"].tolist() == ["process-77"] * 2
    assert found["operation_id"].is_unique


def test_work_belongs_to_the_operation_that_it_was_handed_out_in(elsewhere: Elsewhere) -> None:
    home = Recorder()
    data = pickle.dumps(home)
    with home.operation("caller"):
        given = callers()
    worker = elsewhere.loads(data)
    with elsewhere.here(), on_behalf_of(unpickled(pickle.dumps(given))):
        worker.access("k", "miss")
        with worker.operation("own"):
            worker.access("k", "hit")
        worker.access("k", "miss")
    worker.access("k", "miss")
    with worker.operation("later"):
        pass
    deliver(elsewhere.sends())
    found = operations(home).set_index("name")
    number = found["operation_id"]["caller"]
    assert found["parent_id"]["own"] == number
    assert pd.isna(found["parent_id"]["later"])
    accesses = home.frames.accesses.astype({"operation": object})
    assert accesses["operation"].fillna("").tolist() == ["caller", "own", "caller", ""]
    assert accesses["operation_id"].iloc[0] == accesses["operation_id"].iloc[2] == number
    assert accesses["stream"].astype(str).tolist() == ["process-77"] * 4
    assert found.index.tolist().count("caller") == 1


def test_work_that_is_handed_out_in_no_operation_is_in_none(elsewhere: Elsewhere) -> None:
    home = Recorder()
    assert callers() == ()
    worker = elsewhere.loads(pickle.dumps(home))
    with worker.operation("stale"):  # as a fork has the operation that its parent was in
        with elsewhere.here(), on_behalf_of(()), worker.operation("work"):
            worker.access("k", "hit")
        worker.access("k", "hit")
    deliver(elsewhere.sends())
    assert pd.isna(operations(home).set_index("name")["parent_id"]["work"])
    assert home.frames.accesses["operation"].tolist() == ["work", "stale"]


def test_an_error_leaves_the_operations_of_the_caller(elsewhere: Elsewhere) -> None:
    home = Recorder()
    with home.operation("caller"):
        given = callers()
    worker = elsewhere.loads(pickle.dumps(home))
    with elsewhere.here():
        with pytest.raises(ZeroDivisionError), on_behalf_of(given):
            _ = 1 / 0
        assert callers() == ()
    assert worker.current.get(None) is None


def test_threads_that_work_for_an_operation_share_it_without_losing_rows() -> None:
    home = Recorder()

    def work() -> None:
        for _ in range(200):
            with on_behalf_of(given):
                home.access("k", "miss")

    with home.operation("caller"):
        given = callers()
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    accesses = home.frames.accesses
    assert len(accesses) == 800
    assert set(accesses["operation"]) == {"caller"}
    assert accesses["stream"].nunique() == 4


def in_a_fork(work: Any) -> bytes:
    """Run a function in a fork and return the bytes that it returns."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), os.fdopen(write, "wb") as pipe:
            pipe.write(work())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return data


def test_rows_of_a_fork_come_home_and_are_its_own() -> None:
    home = Recorder()
    data = pickle.dumps(home)
    home.record_operation("before", 0.1)
    home.access("k", "hit")

    def work() -> bytes:
        inherited = unpickled(data) is home
        home.record_operation("in the fork", 0.1, key=f"{inherited} {os.getpid()}")
        home.access("k", "hit")
        return pickle.dumps(carried())

    for _ in range(2):
        sent = in_a_fork(work)
        assert isinstance(unpickled(sent), WorkerRows)
        deliver(sent)
    found = operations(home)
    assert found["name"].tolist() == ["before", "in the fork", "in the fork"]
    assert found["operation_id"].is_unique
    inherited, pid = found["key"].iloc[1].split()
    assert inherited == "True"
    assert found["stream"].tolist()[:2] == ["MainThread", f"process-{pid}"]
    assert home.frames.accesses["stream"].tolist()[:2] == ["MainThread", f"process-{pid}"]
    assert len(home.frames.accesses) == 3


def test_a_recorder_that_a_fork_makes_is_at_home_there() -> None:
    def work() -> bytes:
        recorder = Recorder()
        recorder.record_operation("x", 0.1)
        same = unpickled(pickle.dumps(recorder)) is recorder
        rows = unpickled(pickle.dumps(carried()))
        streams = recorder.frames.operations["stream"].tolist()
        return pickle.dumps((same, len(recorder.frames.operations), len(rows._parcels), streams))

    outer = Recorder()
    assert unpickled(in_a_fork(work)) == (True, 1, 0, ["MainThread"])
    assert outer.frames.operations.empty


def test_numbers_of_a_fork_are_no_numbers_of_its_parent_and_exact_as_floats() -> None:
    home = Recorder()

    def work() -> bytes:
        return pickle.dumps([home.operation("x").number for _ in range(3)])

    first, second = (unpickled(in_a_fork(work)) for _ in range(2))
    mine = unpickled(work())
    assert len({*first, *second, *mine}) == 9
    assert all(2**32 <= number < 2**53 for number in first + second)
