from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

import perflab
from perflab import Config, PerformanceSystem
from perflab.errors import ConfigError, PerflabError, RunError, SourceError
from perflab.record.store import read_info

SOURCE = "import os\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return os.sep\n"
QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 1},
}


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    with PerformanceSystem(Config(**QUIET)) as made:
        yield made


def test_every_public_name_is_there_and_documented() -> None:
    for name in perflab.__all__:
        assert getattr(perflab, name).__doc__, name
    assert set(perflab.__all__) <= set(dir(perflab))
    with pytest.raises(AttributeError, match="no attribute 'Cache'"):
        _ = perflab.Cache


def test_importing_perflab_imports_nothing_heavy() -> None:
    heavy = {
        "diskcache",
        "matplotlib",
        "numpy",
        "pandas",
        "psutil",
        "pyarrow",
        "pydantic",
        "scipy",
        "tree_sitter",
    }
    code = f"import sys, perflab; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_operations_and_accesses_become_rows(system: PerformanceSystem) -> None:
    with system.operation("render", key="page") as operation:
        system.cache.get_or_load("template", lambda: "text")
        operation.nbytes = 4
    system.record_operation("document-validation", 0.150, cache_hit=True, related_keys=["template"])
    operations = system.frames.operations
    assert operations["name"].astype(str).tolist() == ["render", "document-validation"]
    assert operations["nbytes"].tolist()[0] == 4
    assert set(system.frames.accesses["operation"].astype(str)) == {"render"}


def test_an_operation_that_the_caller_timed_can_have_failed(system: PerformanceSystem) -> None:
    system.record_operation("save", 0.1, nbytes=7, error=OSError("full"))
    system.record_operation("save", 0.1, error="timed out")
    system.record_operation("save", 0.1)
    rows = system.frames.operations
    assert rows["ok"].tolist() == [False, False, True]
    assert rows["error"].tolist()[:2] == ["OSError: full", "timed out"]
    assert rows["nbytes"].tolist()[0] == 7
    assert system.statistics()["operations"]["failed"] == 2


def test_statistics_are_counts_over_the_frames(system: PerformanceSystem) -> None:
    for key in ("a", "b", "a", "a", "c"):
        system.cache.get_or_load(key, lambda: "value")
    events = system.frames.accesses["event"].astype(str).tolist()
    cache = system.statistics()["cache"]
    assert (cache["hits"], cache["misses"]) == (events.count("hit"), events.count("miss")) == (2, 3)
    assert cache["hit_rate"] == pytest.approx(2 / 5)
    tiers = system.statistics()["tiers"].set_index("tier")
    assert tiers.loc["all", "hits"] == 2


def test_a_closed_system_still_tells_its_counts(system: PerformanceSystem) -> None:
    system.cache["k"] = 1
    system.cache.get("k")
    system.close()
    told = system.statistics()
    assert (told["cache"]["hits"], told["tiers"]) == (1, None)


def test_no_accesses_have_no_hit_rate(system: PerformanceSystem) -> None:
    assert math.isnan(system.statistics()["cache"]["hit_rate"])


def test_cached_functions_answer_from_the_cache(system: PerformanceSystem) -> None:
    calls: list[int] = []

    @system.cached
    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    @system.cached(ttl=60)
    def triple(number: int) -> int:
        return 3 * number

    assert [double(2), double(2), double(3), triple(1)] == [4, 4, 6, 3]
    assert calls == [2, 3]


def test_only_changed_chunks_are_processed_again(system: PerformanceSystem, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("".join(f"def f{number}():\n    return {'x' * 900!r}\n\n\n" for number in range(8)))
    first = system.process_large_file(path, lambda chunk: chunk.name)
    path.write_text(path.read_text().replace("def f3", "def g3"))
    second = system.process_large_file(path, lambda chunk: chunk.name)
    assert first.processed == len(first.chunks) > 4
    assert 0 < second.processed < len(second.chunks)
    assert second.processed + second.reused == len(second.chunks)
    assert (second.nbytes, second.chunks[-1].stop) == (path.stat().st_size, path.stat().st_size)
    statuses = system.frames.chunks["status"].astype(str).tolist()
    assert statuses.count("processed") == first.processed + second.processed
    assert system.frames.events["name"].astype(str).tolist() == ["file_optimized", "file_optimized"]


def test_without_large_file_optimization_every_chunk_is_processed_each_time(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    with PerformanceSystem(Config(**QUIET, enable_large_file_optimization=False)) as system:
        found = [system.process_large_file(path, len) for _ in range(2)]
    assert [result.reused for result in found] == [0, 0]


def test_a_streamed_file_gives_the_same_bytes_as_one_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE * 300)
    digests = []
    for threshold in (1, 10_000_000):
        config = Config(**QUIET, streaming_threshold_bytes=threshold, chunks={"window_bytes": 4096})
        with PerformanceSystem(config) as system:
            result = system.process_large_file(path, lambda chunk: chunk.data)
            assert b"".join(result.results) == path.read_bytes()
            digests.append(len(result.chunks))
    assert all(digests)


def test_chunks_are_lossless(system: PerformanceSystem, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    assert b"".join(chunk.data for chunk in system.chunks(path)).decode() == SOURCE


def test_files_are_optimized_together_and_counted(system: PerformanceSystem, tmp_path: Path) -> None:
    paths = [tmp_path / f"m{number}.py" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_text(SOURCE + f"VALUE = {number}\n")
    heard: list[str] = []
    system.on("file_optimized", lambda data: heard.append(data["path"]))
    table = system.optimize_files(paths, "analyze")
    assert table["path"].tolist() == [str(path) for path in paths]
    assert (table["chunks"] == table["processed"] + table["reused"]).all()
    assert sorted(heard) == sorted(map(str, paths))
    assert system.optimize_files(paths, "analyze")["processed"].sum() == 0


@pytest.mark.parametrize("name", ["none.py", "nul\0.py"])
def test_a_file_that_cannot_be_read_is_named(system: PerformanceSystem, tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        system.process_large_file(tmp_path / name, len)


def test_an_unknown_operation_names_the_known_ones(system: PerformanceSystem) -> None:
    with pytest.raises(ConfigError, match="'polish' is no operation; use parse, analyze, index"):
        system.optimize_files([], "polish")


def test_clear_caches_takes_one_tier_or_all(system: PerformanceSystem) -> None:
    system.cache.set("a", "value")
    assert system.clear_caches("l1") == 1
    assert system.cache.get("a") == "value"
    assert system.clear_caches() == 2
    assert system.cache.get("a") is None
    with pytest.raises(ConfigError, match="tier is 'l4'"):
        system.clear_caches("l4")


def test_optimize_records_what_it_tried_and_tells_of_it(system: PerformanceSystem) -> None:
    heard: list[Any] = []
    system.on("optimization_complete", heard.append)
    result = system.optimize()
    assert [row["verdict"] for row in result.rows] == ["not enough data"] * 4
    assert len(system.frames.optimizations) == len(result.rows) == heard[0]["tried"]
    assert set(system.frames.optimizations["trigger"].astype(str)) == {"manual"}


def test_one_optimization_at_a_time(system: PerformanceSystem) -> None:
    refused: list[str] = []

    def again(_: Any) -> None:
        refused.append("listener")

    system.on("optimization_complete", again)
    with system._background.single.turn(), pytest.raises(PerflabError, match="An optimization is running already"):
        system.optimize()
    system.optimize()
    assert refused == ["listener"]


def test_memory_pressure_relieves_and_every_step_is_measured(system: PerformanceSystem) -> None:
    for key in range(200):
        system.cache.set(key, b"x" * 100_000)
    rows = system.optimize("memory_pressure").rows
    assert {row["metric"] for row in rows if row["measured"] is not None} == {"memory.rss"}
    assert rows[0]["knob"] == "parallel.workers"


def test_warming_fills_memory_from_the_last_systems_disk(tmp_path: Path) -> None:
    config = Config(**QUIET, cache={"l3_dir": tmp_path / "store"})
    with PerformanceSystem(config) as system:
        system.cache.set("a", "value")
    with PerformanceSystem(config) as system:
        assert system.warm.wait(60)
        warmed = system.frames.accesses["event"].astype(str).tolist()
        system.cache.get("a")
        tier = system.frames.accesses["tier"].astype(str).iloc[-1]
    assert warmed == ["warm"]
    assert tier == "l1"
    with PerformanceSystem(config.replace(cache_warming_enabled=False)) as system:
        system.cache.get("a")
        assert system.frames.accesses["tier"].astype(str).iloc[-1] == "l3"


def test_metrics_history_counts_by_window(system: PerformanceSystem) -> None:
    assert len(system.metrics_history()) == 0
    for key in ("a", "a"):
        with system.operation("read"):
            system.cache.get_or_load(key, lambda: 1)
    history = system.metrics_history("1h")
    assert (history["accesses"].sum(), history["operations"].sum()) == (2, 2)
    assert history["hit_rate"].dropna().between(0, 1).all()


def test_a_live_system_is_judged_on_its_own_bounds(system: PerformanceSystem) -> None:
    for _ in range(400):
        system.cache.get_or_load("a", lambda: 1)
    verdicts = system.targets().set_index("expression")["verdict"]
    assert verdicts["cache.hit_rate >= 0.95"] == "pass"
    assert verdicts["cpu.peak < 90%"] == "unavailable"
    assert not any("document_creation" in expression for expression in verdicts.index)


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_a_report_in_each_format(system: PerformanceSystem, tmp_path: Path, suffix: str) -> None:
    system.cache.get_or_load("<script>alert(1)</script>", lambda: 1)
    path = system.report(tmp_path / f"report{suffix}")
    assert path.stat().st_size > 500
    if suffix != ".json":
        assert "<script" not in path.read_text()


def test_an_unknown_report_format_is_named(system: PerformanceSystem, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"ends in '\.docx'; a report is one of \.html, \.md, \.json"):
        system.report(tmp_path / "report.docx")


def test_nothing_is_left_after_close(tmp_path: Path) -> None:
    threads, processes = set(threading.enumerate()), set(psutil.Process().children(recursive=True))
    path = tmp_path / "module.py"
    path.write_text(SOURCE * 500)
    config = Config(
        parallel={"workers": 2}, thresholds={"large_file_bytes": 0}, resource_monitoring={"interval_s": 0.05}
    )
    with PerformanceSystem(config) as system:
        system.process_large_file(path, len)
        private = Path(system.cache.l3.folder) if system.cache.l3 is not None else None
        assert len(set(psutil.Process().children(recursive=True)) - processes) >= 2
    system.close()
    assert set(threading.enumerate()) <= threads
    assert set(psutil.Process().children(recursive=True)) <= processes
    assert private is not None
    assert not private.exists()


@pytest.mark.parametrize(
    ("error", "status"), [(None, "finished"), (ValueError, "failed"), (KeyboardInterrupt, "cancelled")]
)
def test_the_run_folder_says_how_it_ended(tmp_path: Path, error: type[BaseException] | None, status: str) -> None:
    try:
        with PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run", label="x") as system:
            system.cache.get("a")
            if error is not None:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    run = perflab.open_run(tmp_path / "run")
    assert (run.status, run.info["label"], len(run.frames.accesses)) == (status, "x", 1)
    assert run.config == Config(**QUIET)


def test_a_name_that_cannot_be_a_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Not a directory"):
        PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "file" / "run")


def test_a_second_system_on_a_run_folder_is_refused(tmp_path: Path) -> None:
    with (
        PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run"),
        pytest.raises(RunError, match="Another system writes"),
    ):
        PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run")


def test_a_killed_programs_run_opens_with_what_was_flushed(tmp_path: Path) -> None:
    code = (
        "from perflab import Config, PerformanceSystem\n"
        "import threading\n"
        "config = Config(record={'flush_interval_s': 0.1}, enable_auto_optimization=False)\n"
        f"system = PerformanceSystem(config, run_dir={str(tmp_path / 'run')!r})\n"
        "for key in range(5000):\n"
        "    system.cache.get(key)\n"
        "print('ready', flush=True)\n"
        "threading.Event().wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            until = time.monotonic() + 60
            while len(perflab.open_run(tmp_path / "run").frames.accesses) < 5000 and time.monotonic() < until:
                time.sleep(0.05)
        finally:
            program.kill()
    assert program.returncode == -signal.SIGKILL
    run = perflab.open_run(tmp_path / "run")
    assert run.status == "unfinished"
    assert len(run.frames.accesses) == 5000
    assert run.report(tmp_path / "report.html").is_file()
    assert read_info(tmp_path / "run")["pid"] > 0


def test_an_idle_system_stays_below_its_own_bounds() -> None:
    code = (
        "from perflab import PerformanceSystem\n"
        "with PerformanceSystem() as system:\n"
        "    system.cache.get('a')\n"
        "    system.metrics(), system.frames.accesses, system.targets()\n"
        "    system._monitor.sample()\n"
        "    print(int(system.frames.resources['growth_bytes'].max()), list(system.frames.events['name']))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    growth, names = found.stdout.split(maxsplit=1)
    assert int(growth) < 40_000_000
    assert "memory_warning" not in names
    assert "optimization_complete" not in names


def test_idle_workers_give_their_memory_back_and_start_again(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE * 100)
    config = Config(**{**QUIET, "parallel": {"workers": 2}}, thresholds={"large_file_bytes": 0})
    with PerformanceSystem(config) as system:
        system.process_large_file(path, len)
        rows = {row["knob"]: row for row in system.optimize("memory_pressure").rows}
        workers = rows["parallel.workers"]
        assert (workers["verdict"], workers["measured"] < workers["before"]) == ("kept", True)
        assert system.process_large_file(path, lambda chunk: len(chunk.data) + 1).processed > 0
        again = {row["knob"]: row["verdict"] for row in system.optimize("memory_pressure").rows}
        assert again["parallel.workers"] == "kept"


def test_a_benchmark_tells_the_systems_listeners(system: PerformanceSystem) -> None:
    heard: list[Any] = []
    system.on("benchmark_complete", heard.append)
    result = system.benchmark(lambda: sum(range(2_000)), lambda: 1_999_000, pairs=8)
    assert [data["run_id"] for data in heard] == [result.run.info["run_id"]]


def test_the_background_optimizer_heeds_its_settings() -> None:
    quiet = {**QUIET, "enable_auto_optimization": True, "optimization_schedule": {"interval_s": 0.05}}
    with PerformanceSystem(Config(**quiet)) as system:
        ran = threading.Event()
        system.on("optimization_complete", lambda _: ran.set())
        assert ran.wait(20)
        assert "scheduled" in system.frames.optimizations["trigger"].astype(str).tolist()
    off = {**quiet, "enable_auto_optimization": False}
    with PerformanceSystem(Config(**off)):
        assert not any("auto-optimizer" in thread.name for thread in threading.enumerate())


def test_a_closed_system_refuses_work() -> None:
    system = PerformanceSystem(Config(**QUIET))
    system.close()
    with pytest.raises(PerflabError, match="closed"):
        system.optimize()
    with pytest.raises(PerflabError, match="closed"):
        system.cache.get("a")
    assert "closed" in repr(system)


def test_monitoring_can_be_switched_off() -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        time.sleep(0.05)
        assert system.frames.resources.empty


def test_a_listener_that_raises_does_not_stop_the_system(system: PerformanceSystem, tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text(SOURCE)
    system.on("file_optimized", lambda data: data["missing"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert system.process_large_file(path, len).processed > 0
    assert any("raised KeyError" in str(warning.message) for warning in caught)
