"""Files through a whole system: many at once, watched, streamed, on any executor, and never more than is allowed."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from perflab import Config, PerformanceSystem
from perflab.chunk import Chunk
from perflab.errors import ConfigError, SourceError
from perflab.system.watching import watch

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
}


def source(count: int, salt: str = "") -> str:
    return "".join(f"def f{n}{salt}(x):\n    return {'x' * 1200!r} + {n}\n\n\n" for n in range(count))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.py", "deep/b.py", "deep/er/c.py", "deep/d.txt", "odd[1].py"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source(8, path.stem[0]))
    return tmp_path / "src"


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    with PerformanceSystem(Config(**QUIET, parallel={"workers": 1})) as made:
        yield made


def test_patterns_paths_and_both(system: PerformanceSystem, folder: Path) -> None:
    found = system.optimize_files([f"{folder}/**/*.py", folder / "a.py", folder / "odd[1].py"])
    names = [os.path.relpath(path, folder) for path in found["path"]]
    assert names == ["a.py", "deep/b.py", "deep/er/c.py", "odd[1].py"]
    assert system.optimize_files(f"{folder}/deep/?.txt")["nbytes"].tolist() == [(folder / "deep/d.txt").stat().st_size]
    assert len(system.optimize_files([])) == 0
    with pytest.raises(SourceError, match="fits no file"):
        system.optimize_files(f"{folder}/*.rs")


def test_a_row_and_an_event_a_file(system: PerformanceSystem, folder: Path) -> None:
    told: list[Any] = []
    system.on("file_optimized", told.append)
    first = system.optimize_files(f"{folder}/**/*.py")
    again = system.optimize_files(f"{folder}/**/*.py")
    assert (first["processed"] == first["chunks"]).all()
    assert (again["reused"] == again["chunks"]).all()
    assert again["efficiency_ratio"].isna().all()
    assert ((first["efficiency_ratio"] > 0) & (first["efficiency_ratio"] <= 1)).all()
    assert sorted(event["path"] for event in told) == sorted([*first["path"], *again["path"]])
    assert first["chunks"].sum() + again["chunks"].sum() == len(system.frames.chunks)


def test_errors_are_raised_or_are_rows(system: PerformanceSystem, folder: Path) -> None:
    def picky(chunk: Chunk) -> int:
        if chunk.name == "f3b":
            raise KeyError("picky")
        return len(chunk)

    paths = [folder / "a.py", folder / "gone.py", folder / "deep/b.py", folder]
    with pytest.raises(SourceError, match="gone"):
        system.optimize_files(paths, picky)
    found = system.optimize_files(paths, picky, errors="collect")
    assert found["failed"].fillna(-1).tolist() == [0, -1, 1, -1]
    assert found["error"].isna().tolist() == [True, False, False, False]
    assert "picky" in found["error"][2]
    assert "a folder" in found["error"][3]


def test_files_are_transformed_into_a_folder(system: PerformanceSystem, folder: Path, tmp_path: Path) -> None:
    def shorter(chunk: Chunk) -> str:
        return chunk.data.decode().replace("x" * 1200, "y")

    system.optimize_files(f"{folder}/**/*.py", "transform", function=shorter, output=tmp_path / "out")
    assert (tmp_path / "out/deep/er/c.py").read_text() == source(8, "c").replace("x" * 1200, "y")
    with pytest.raises(ConfigError, match="'transform' needs one"):
        system.optimize_files(folder / "a.py", "transform")


def test_progress_is_shown_if_asked_for(
    system: PerformanceSystem, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    system.optimize_files(f"{folder}/**/*.py")
    assert capsys.readouterr().err == ""
    system.optimize_files(f"{folder}/**/*.py", progress=True)
    assert "4/4" in capsys.readouterr().err


def config_of(kind: str) -> dict[str, Any]:
    return {**QUIET, "thresholds": {"large_file_bytes": 1}, "parallel": {"workers": 2, "kind": kind}}


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_two_large_files_on_two_workers_never_wait_for_each_other(tmp_path: Path, kind: str) -> None:
    paths = [tmp_path / f"{name}.py" for name in "ab"]
    for path in paths:
        path.write_text(source(300, path.stem))
    config = Config(**config_of(kind), max_parallel_operations=2, chunks={"window_bytes": 4096})
    with PerformanceSystem(config) as system:
        found = system.optimize_files(paths, len)
        assert found["processed"].tolist() == [300, 300]


def test_nested_use_never_waits_for_itself(tmp_path: Path) -> None:
    outer, inner = tmp_path / "outer.py", tmp_path / "inner.py"
    outer.write_text(source(6, "o"))
    inner.write_text(source(6, "i"))
    for large in (1, 10_000_000):
        settings = {**config_of("threads"), "thresholds": {"large_file_bytes": large}}
        with PerformanceSystem(Config(**settings, max_parallel_operations=1)) as system:

            def nested(chunk: Chunk, system: Any = system) -> int:
                return len(chunk) + int(system.optimize_files([inner], len)["chunks"].sum())

            result = system.process_large_file(outer, nested)
            assert len(result.results) == 6


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_than_the_allowed_operations_run_at_once(tmp_path: Path, limit: int) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(chunk: Chunk) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1
        return len(chunk)

    small, large = [tmp_path / f"small{n}.py" for n in range(4)], [tmp_path / f"large{n}.py" for n in range(3)]
    for number, path in enumerate([*small, *large]):
        path.write_text(source(4 if path in small else 30, f"s{number}"))
    settings = {**config_of("threads"), "thresholds": {"large_file_bytes": 10_000}}
    with PerformanceSystem(Config(**settings, max_parallel_operations=limit)) as system:
        found = system.optimize_files([*small, *large], work)
        assert found["processed"].sum() == 4 * 4 + 3 * 30
    assert 1 <= most <= limit


def test_an_executor_of_the_caller_and_a_cluster_give_the_same(tmp_path: Path) -> None:
    import distributed

    path = tmp_path / "m.py"
    path.write_text(source(50))
    options: dict[str, Any] = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0"}
    settings = config_of("threads")
    with PerformanceSystem(Config(**settings)) as system:
        expected = system.process_large_file(path, len)
    with (
        distributed.LocalCluster(**options, processes=False) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        by_address = Config(**settings).replace(parallel={"scheduler": cluster.scheduler_address})
        for config, executor in (
            (by_address, None),
            (Config(**settings), client.get_executor()),
            (Config(**settings), pool),
        ):
            with PerformanceSystem(config, executor=executor) as system:
                result = system.process_large_file(path, recorded(system))
                operations = system.frames.operations["name"].astype(str).tolist()
            assert (result.results, result.chunks) == (expected.results, expected.chunks)
            assert operations.count("inner") == len(result)


def recorded(system: PerformanceSystem) -> Callable[[Chunk], int]:
    def work(chunk: Chunk) -> int:
        with system.operation("inner", key=chunk.name):
            return len(chunk)

    return work


def test_a_scheduler_must_be_an_address() -> None:
    with pytest.raises(ConfigError, match=r"parallel\.scheduler"):
        Config(parallel={"scheduler": "somewhere"})


def test_pipes_urls_and_streamed_markdown(system: PerformanceSystem, tmp_path: Path) -> None:
    text = "".join(f"# Part {n}\n\n{'words ' * 200}\n\n" for n in range(50))
    assert system.process_large_file(io.BytesIO(text.encode()), len, join=sum).joined == len(text)
    path = tmp_path / "a.md"
    path.write_text(text)
    assert system.process_large_file(f"file://{path}", len, join=sum).joined == len(text)
    with PerformanceSystem(Config(**QUIET, streaming_threshold_bytes=1)) as streaming:
        names = [result.chunk.name for result in streaming.iterate_large_file(path, len)]
    assert names == [f"Part {n}" for n in range(50)]


def test_chunks_grow_with_the_file_so_that_they_stay_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.system.files._MOST_CHUNKS", 16)
    path = tmp_path / "a.txt"
    path.write_text("some words on a line\n" * 20_000)
    with PerformanceSystem(Config(**QUIET, chunks={"max_bytes": 1000})) as system:
        result = system.process_large_file(path, len)
    assert 8 <= len(result) <= 32
    assert sum(result.results) == path.stat().st_size


def test_what_became_of_chunks_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    functions = source(20).split("\n\n\n")
    path.write_text("\n\n\n".join(functions))
    with PerformanceSystem(Config(**config_of("threads"))) as system:
        assert system.process_large_file(path, len).changes is None
        path.write_text("\n\n\n".join([*functions[1:10], functions[0], *functions[11:]]))
        changes = system.process_large_file(path, len).changes
    assert changes is not None
    assert [new.name for _, new in changes.moved] == ["f0"]
    assert [place.name for place in changes.deleted] == ["f10"]


def test_a_save_is_processed_and_nothing_else(tmp_path: Path) -> None:
    path, other, link = tmp_path / "m.py", tmp_path / "other.py", tmp_path / "link.py"
    for each in (path, other):
        each.write_text(source(10, each.stem))
    link.symlink_to(path)
    stop = threading.Event()
    with PerformanceSystem(Config(**QUIET, parallel={"workers": 1})) as system:
        results = system.watch([path, other], len, stop=stop)
        first = [next(results), next(results)]
        assert [result.processed for result in first] == [10, 10]
        os.utime(path, (1, 1))  # a time that changed is no change
        saved = tmp_path / "new"
        saved.write_text(path.read_text().replace("def f3m", "def g3m"))
        saved.replace(path)  # as editors save
        second = next(results)
        assert (second.path, second.processed, second.reused) == (str(path), 1, 9)
        with other.open("r+") as file:  # in place, and the time set back
            file.write("def g0other(x)")
        third = next(results)
        assert (third.path, third.processed) == (str(other), 1)
        stop.set()
        assert list(results) == []


def test_watching_survives_a_file_that_is_gone_for_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text("x = 1\n")
    done: list[str] = []

    def process(name: str) -> str:
        done.append(name)
        return Path(name).read_text()

    def changes(folders: Any, _: Any) -> Iterator[set[tuple[Any, str]]]:
        assert folders == [str(tmp_path)]
        yield set()
        path.unlink()
        yield {(3, str(path)), (1, str(tmp_path / "other"))}
        path.write_text("x = 1\n")
        yield {(1, str(path))}
        yield {(1, str(path))}

    assert list(watch(process, [str(path)], changes=changes)) == ["x = 1\n", "x = 1\n"]
    assert done == [str(path)] * 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(system: PerformanceSystem, folder: Path) -> None:
    (folder / "a.py").chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        system.process_large_file(folder / "a.py", len)
