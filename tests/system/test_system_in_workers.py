"""A system in a worker's closure: what it records there comes home once, and what it cannot do there says so."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perflab import Config, PerformanceSystem
from perflab.chunk import Chunk
from perflab.errors import PerflabError
from perflab.parallel import Workers
from perflab.system.remote import NotHereError, WorkerSystem

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "thresholds": {"large_file_bytes": 0},
}
FUNCTIONS = 12


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(2, "processes", in_flight=4) as made:
        yield made


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    with PerformanceSystem(Config(**QUIET, parallel={"workers": 2})) as made:
        yield made


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text("".join(f"def f{number}():\n    return {'x' * 1500!r}\n\n\n" for number in range(FUNCTIONS)))
    return path


def operations(system: PerformanceSystem) -> pd.DataFrame:
    return system.frames.operations.astype({"name": str, "stream": str, "run_id": str})


def recording(system: PerformanceSystem) -> Callable[[Chunk], int]:
    """Return a function of a chunk that records a nest of operations and one that it timed itself."""

    def work(chunk: Chunk) -> int:
        with system.operation("outer", key=chunk.name) as outer:
            outer.nbytes = len(chunk.data)
            with system.operation("inner", key=chunk.name):
                system.record_operation("timed", 0.25, key=chunk.name, cache_hit=False, related_keys=[chunk.kind])
        return os.getpid()

    return work


def test_rows_of_chunks_come_home_once_under_the_file_and_the_workers_name(
    system: PerformanceSystem, module: Path
) -> None:
    with system.operation("caller"):
        result = system.process_large_file(module, recording(system))
    found = operations(system)
    rows = {name: found[found["name"] == name].set_index("key") for name in ("outer", "inner", "timed")}
    wanted = {chunk.name: pid for chunk, pid in zip(result.chunks, result.results, strict=True)}
    assert result.processed == len(wanted) == FUNCTIONS
    assert os.getpid() not in wanted.values()
    for frame in rows.values():
        assert sorted(frame.index) == sorted(wanted)
        assert frame["stream"].to_dict() == {name: f"process-{pid}" for name, pid in wanted.items()}
        assert set(frame["run_id"]) == {system.frames.operations["run_id"].iloc[-1]}
    assert rows["timed"]["parent_id"].to_dict() == rows["inner"]["operation_id"].to_dict()
    assert rows["inner"]["parent_id"].to_dict() == rows["outer"]["operation_id"].to_dict()
    file, caller = (found[found["name"] == name].iloc[0] for name in ("process-file", "caller"))
    assert set(rows["outer"]["parent_id"]) == {file["operation_id"]}
    assert file["parent_id"] == caller["operation_id"]
    assert rows["outer"]["nbytes"].sum() == module.stat().st_size
    assert set(rows["timed"]["duration_s"]) == {0.25}
    assert found["operation_id"].is_unique
    assert len(found) == 3 * FUNCTIONS + 2
    assert system.process_large_file(module, recording(system)).reused == FUNCTIONS
    assert operations(system)["name"].value_counts()["inner"] == FUNCTIONS  # what was not done again is no row


def test_files_that_are_processed_together_belong_to_the_caller(
    system: PerformanceSystem, module: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.py"
    other.write_text(module.read_text().replace("def f", "def g"))
    with system.operation("caller"):
        system.optimize_files([module, other], recording(system))
    found = operations(system)
    files = found[found["name"] == "process-file"].set_index("key")
    caller = found.loc[found["name"] == "caller", "operation_id"].item()
    assert files["parent_id"].to_dict() == {str(module): caller, str(other): caller}
    outer = found[found["name"] == "outer"]
    assert outer.groupby("parent_id").size().to_dict() == dict.fromkeys(files["operation_id"], FUNCTIONS)


def test_systems_that_share_workers_get_their_own_rows(workers: Workers) -> None:
    with PerformanceSystem(Config(**QUIET)) as first, PerformanceSystem(Config(**QUIET)) as second:

        def work(item: int) -> bool:
            with first.operation("work", key=item), second.operation("work", key=-item):
                return first is second

        with first.operation("caller"):
            assert not any(workers.map(work, range(1, 21), weight=lambda _: 1))
        mine, others = operations(first), operations(second)
    rows = mine[mine["name"] == "work"]
    assert sorted(map(int, rows["key"])) == list(range(1, 21))
    assert sorted(map(int, others["key"])) == list(range(-20, 0))
    assert set(rows["parent_id"]) == set(mine.loc[mine["name"] == "caller", "operation_id"])
    assert others["parent_id"].isna().all()


def test_a_failed_operation_of_a_worker_is_told_with_its_error(system: PerformanceSystem, workers: Workers) -> None:
    def fail(item: int) -> None:
        with system.operation("fail", key=item):
            raise LookupError(item)

    with pytest.raises(LookupError):
        list(workers.map(fail, range(3)))
    failed = operations(system)
    assert failed["key"].iloc[0] == "0"
    assert not failed["ok"].any()
    assert failed["error"].tolist() == [f"LookupError: {key}" for key in failed["key"]]


def test_a_function_that_is_decorated_by_the_system_travels(system: PerformanceSystem, workers: Workers) -> None:
    @system.operation("double", key=lambda number: number)
    def double(number: int) -> int:
        return 2 * number

    assert list(workers.map(double, range(5))) == [0, 2, 4, 6, 8]
    found = operations(system)
    assert found["key"].tolist() == list("01234")
    assert found["stream"].str.startswith("process-").all()


USES: dict[str, Callable[[Any], object]] = {
    "cache": lambda system: system.cache.get("k"),
    "frames": lambda system: len(system.frames.operations),
    "process_large_file": lambda system: system.process_large_file("x.py", len),
    "statistics": lambda system: system.statistics(),
    "close": lambda system: system.close(),
    "cached": lambda system: system.cached(len),
}


@pytest.mark.parametrize("name", USES)
def test_what_a_system_has_at_home_alone_is_refused_in_one_sentence(
    system: PerformanceSystem, workers: Workers, name: str
) -> None:
    use = USES[name]

    def work(_: int) -> object:
        system.record_operation("before", 0.1)
        return use(system)

    with pytest.raises(NotHereError) as refused:
        list(workers.map(work, [0]))
    assert isinstance(refused.value, PerflabError)
    assert str(refused.value) == (
        f"A system has no '{name}' in a worker process, where it can only record (operation, record_operation); "
        "its caches, workers and frames are in the process that made it."
    )
    assert operations(system)["name"].tolist() == ["before"]  # what was recorded before is home


def test_a_refused_use_of_the_cache_reaches_who_processes_a_file(system: PerformanceSystem, module: Path) -> None:
    with pytest.raises(NotHereError, match="no 'cache' in a worker process"):
        system.process_large_file(module, lambda chunk: system.cache.get(chunk.name))


@pytest.mark.parametrize("count", [1, 2])
def test_in_threads_and_inline_it_is_the_system_itself(count: int, module: Path) -> None:
    with PerformanceSystem(Config(**QUIET, parallel={"workers": count, "kind": "threads"})) as system:

        def work(chunk: Chunk) -> int:
            with system.operation("outer", key=chunk.name):
                return len(system.cache.get_or_load(("size", chunk.name), lambda: chunk.data))

        with system.operation("caller"):
            result = system.process_large_file(module, work)
        found, accesses = operations(system), system.frames.accesses
    assert sum(size or 0 for size in result.results) == module.stat().st_size
    outer = found[found["name"] == "outer"].set_index("key")
    assert sorted(outer.index) == sorted(chunk.name for chunk in result.chunks)
    assert set(outer["parent_id"]) == set(found.loc[found["name"] == "process-file", "operation_id"])
    missed = accesses[(accesses["event"] == "miss") & accesses["key"].astype(str).str.startswith("('size'")]
    assert sorted(missed["operation_id"]) == sorted(outer["operation_id"])


def test_at_home_a_system_comes_back_as_itself(system: PerformanceSystem) -> None:
    assert pickle.loads(pickle.dumps(system)) is system  # noqa: S301 - the bytes are our own
    assert copy.deepcopy({"system": system})["system"] is system


def test_a_worker_passes_the_system_on(system: PerformanceSystem, workers: Workers) -> None:
    def work(_: int) -> tuple[object, str]:
        return system, repr(system)

    ((returned, shown),) = workers.map(work, [0])
    assert returned is system
    assert shown == f"<WorkerSystem {system.run.info['run_id']}>"


def test_rows_that_come_home_after_the_close_stay_in_memory(workers: Workers, tmp_path: Path) -> None:
    system = PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run")

    def work(item: int) -> None:
        with system.operation("work", key=item):
            pass

    results = workers.map(work, range(6))
    next(results)
    system.close()
    assert len(list(results)) == 5
    assert sorted(map(int, operations(system)["key"])) == list(range(6))


def test_a_system_that_is_gone_costs_its_workers_nothing(workers: Workers) -> None:
    system = PerformanceSystem(Config(**QUIET))
    data = pickle.dumps(system)
    system.close()
    del system

    def work(item: bytes) -> str:
        found = pickle.loads(item)  # noqa: S301 - the bytes are our own
        with found.operation("work"):
            return type(found).__name__

    assert list(workers.map(work, [data] * 3)) == [WorkerSystem.__name__] * 3
