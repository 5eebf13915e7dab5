from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perflab.config import RecordSettings
from perflab.errors import RunError
from perflab.record import FRAMES, NULL_RECORDER, Recorder, columns
from perflab.record.log import MERGE_PIECES
from perflab.record.running import RunningFolder
from perflab.record.store import RunFolder, read_info, read_table

DTYPES = {
    "category": "category",
    "string": "str",
    "int": "Int64",
    "float": "float64",
    "bool": "boolean",
    "time": "datetime64[us, UTC]",
}


@pytest.mark.parametrize("frame", FRAMES)
def test_every_frame_has_the_documented_columns_and_dtypes_also_without_rows(frame: str) -> None:
    recorded = Recorder().frames[frame]
    assert {name: str(dtype) for name, dtype in recorded.dtypes.items()} == {
        column.name: DTYPES[column.dtype] for column in columns(frame)
    }


def test_describe_has_a_line_a_column_with_unit_and_meaning() -> None:
    described = Recorder().frames.describe()
    assert list(described) == ["frame", "column", "dtype", "unit", "meaning", "rows"]
    assert len(described) == sum(len(columns(frame)) for frame in FRAMES)
    assert (described["meaning"] != "").all()


def test_units_travel_with_the_frame() -> None:
    assert Recorder().frames.accesses.attrs["units"]["duration_s"] == "s"


def test_what_was_not_said_is_missing_never_zero() -> None:
    recorder = Recorder()
    recorder.access("k", "miss")
    recorder.add("resources", rss_bytes=5)
    access, sample = recorder.frames.accesses.iloc[0], recorder.frames.resources.iloc[0]
    assert all(pd.isna(access[name]) for name in ("tier", "nbytes", "duration_s", "operation", "reason"))
    assert pd.isna(sample["cpu_ratio"])
    assert sample["rss_bytes"] == 5


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("plain", "plain"),
        (("a", 1), "('a', 1)"),
        (float("nan"), "nan"),
        ("\ud800", "\\ud800"),
        ("nul\0", "nul\0"),
        (b"\xff", "b'\\xff'"),
        ("é", "é"),
    ],
)
def test_keys_of_any_kind_become_text(key: object, text: str) -> None:
    recorder = Recorder()
    recorder.access(key, "hit", "l1")
    assert recorder.frames.accesses["key"].tolist() == [text]


def test_a_huge_key_is_shortened_and_stays_distinct() -> None:
    recorder = Recorder()
    recorder.access("x" * 2_000_000, "hit")
    recorder.access("x" * 1_999_999 + "y", "hit")
    keys = recorder.frames.accesses["key"]
    assert keys.str.len().max() <= 512
    assert keys.nunique() == 2


def test_a_key_whose_repr_raises_is_recorded_all_the_same() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise OSError("no")

    recorder = Recorder()
    recorder.access(Hostile(), "hit")
    assert recorder.frames.accesses["key"].tolist() == ["<Hostile whose repr raised OSError>"]


def test_an_unknown_frame_or_column_is_named() -> None:
    with pytest.raises(TypeError, match="no frame 'acesses'"):
        Recorder().add("acesses")
    with pytest.raises(TypeError, match="no column 'load'"):
        Recorder().add("resources", load=3)


def test_nested_operations_know_their_parent_and_accesses_their_operation() -> None:
    recorder = Recorder()
    with recorder.operation("outer", key="a") as outer:
        outer.nbytes = 7
        with recorder.operation("inner"):
            recorder.access("k", "hit", "l1")
    recorder.access("k", "hit", "l1")
    inner_row, outer_row = (row for _, row in recorder.frames.operations.iterrows())
    assert inner_row["parent_id"] == outer_row["operation_id"]
    assert pd.isna(outer_row["parent_id"])
    assert outer_row["nbytes"] == 7
    assert outer_row["duration_s"] >= inner_row["duration_s"] > 0
    assert recorder.frames.accesses["operation"].tolist()[0] == "inner"
    assert pd.isna(recorder.frames.accesses["operation"].iloc[1])


def test_an_operation_that_raises_is_recorded_with_its_error() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match="seven"), recorder.operation("parse"):
        raise ValueError("seven")
    row = recorder.frames.operations.iloc[0]
    assert not row["ok"]
    assert row["error"] == "ValueError: seven"


def test_operations_of_concurrent_tasks_do_not_mix() -> None:
    recorder = Recorder()

    async def task(name: str) -> None:
        with recorder.operation(name):
            await asyncio.sleep(0)
            recorder.access(name, "hit")
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(task("a"), task("b"))

    asyncio.run(both())
    accesses = recorder.frames.accesses
    assert accesses["key"].tolist() == accesses["operation"].astype(str).tolist()
    assert recorder.frames.operations["parent_id"].isna().all()


def test_record_operation_is_the_guides_call() -> None:
    recorder = Recorder()
    recorder.record_operation(
        "document-validation", 0.150, cache_hit=True, related_keys=["template-product", "validation-rules"]
    )
    row = recorder.frames.operations.iloc[0]
    assert (row["duration_s"], row["cache_hit"], row["ok"]) == (0.150, True, True)
    assert json.loads(row["related_keys"]) == ["template-product", "validation-rules"]


def test_no_row_of_many_threads_is_lost_or_doubled() -> None:
    recorder = Recorder(settings=RecordSettings(chunk_rows=64))

    def record(thread: int) -> None:
        for number in range(2_000):
            recorder.access(f"{thread}-{number}", "hit")

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = recorder.frames.accesses["key"]
    assert len(keys) == keys.nunique() == 16_000
    assert recorder.frames.accesses["stream"].nunique() == 8


def test_past_the_budget_the_oldest_rows_are_dropped_and_counted() -> None:
    recorder = Recorder(settings=RecordSettings(chunk_rows=100, memory_budget_bytes=50_000))
    for number in range(5_000):
        recorder.access(f"key-{number}", "miss")
    kept = recorder.frames.accesses["key"]
    assert 0 < len(kept) < 5_000
    assert len(kept) + recorder.rows_dropped == 5_000
    assert kept.iloc[-1] == "key-4999"


def test_past_the_budget_rows_go_to_the_run_folder_and_come_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", RecordSettings(chunk_rows=100, memory_budget_bytes=50_000))
    for number in range(5_000):
        recorder.access(f"key-{number}", "miss")
    assert recorder.rows_dropped == 0
    assert recorder.frames.accesses["key"].tolist() == [f"key-{number}" for number in range(5_000)]
    recorder.close()
    assert read_table(tmp_path / "run", "accesses").num_rows == 5_000


def test_a_flushed_run_opens_before_it_is_closed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", info={"label": "x"})
    recorder.access("k", "hit")
    recorder.flush()
    recorder.access("later", "hit")
    assert read_info(tmp_path / "run")["status"] == "unfinished"
    assert read_table(tmp_path / "run", "accesses")["key"].to_pylist() == ["k"]
    recorder.close()


def test_a_closed_run_holds_one_file_a_frame_and_its_facts(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", info={"label": "x"})
    recorder.access("k", "hit")
    recorder.note(seed=7)
    recorder.close("cancelled")
    recorder.close()
    info = read_info(tmp_path / "run")
    assert (info["status"], info["label"], info["seed"], info["run_id"]) == ("cancelled", "x", 7, recorder.run_id)
    assert {path.name for path in (tmp_path / "run").glob("*.parquet")} == {f"{frame}.parquet" for frame in FRAMES}
    assert not (tmp_path / "run" / "parts").exists()


def test_frames_stay_readable_after_close(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", RecordSettings(chunk_rows=100, memory_budget_bytes=50_000))
    for number in range(2_000):
        recorder.access(f"key-{number}", "miss")
    recorder.close()
    assert len(recorder.frames.accesses) == 2_000


def test_rows_recorded_during_close_are_in_the_frames_or_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    recorded, stop = [0], threading.Event()

    def write() -> None:
        while not stop.is_set():
            recorder.access(f"key-{recorded[0]}", "hit")
            recorded[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    while recorded[0] < 500:
        pass
    recorder.close()
    stop.set()
    thread.join()
    assert len(recorder.frames.accesses) + recorder.rows_dropped == recorded[0]
    assert read_table(tmp_path / "run", "accesses").num_rows >= 500


@pytest.mark.parametrize("read", [lambda r: r.frames.accesses, lambda r: r.frames.select("accesses", ["key"])])
def test_files_that_become_one_while_they_are_read_are_read_again(read: Any, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    log = recorder._logs["accesses"]
    for number in range(MERGE_PIECES - 1):
        recorder.access(f"key-{number}", "miss")
        recorder.flush()
    while log.let_go():
        pass  # every row is in a file alone
    listed, calls = log.sources, []

    def sources() -> list[Any]:
        found = listed()
        if not calls:  # between the list and the reading another thread flushes, and small files become one
            recorder.access("last", "miss")
            recorder.flush()
        calls.append(len(found))
        return found

    log.sources = sources  # type: ignore[method-assign]
    assert len(read(recorder)) == MERGE_PIECES
    assert calls == [MERGE_PIECES - 1, 1]
    recorder.close()


def test_a_close_that_is_interrupted_can_be_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "run")
    recorder.access("k", "miss")

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as during:
        during.setattr(RunFolder, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recorder.close()
    recorder.access("k", "hit", "l2")
    recorder.close("cancelled")
    assert read_info(tmp_path / "run")["status"] == "cancelled"
    assert read_table(tmp_path / "run", "accesses")["event"].to_pylist() == ["miss", "hit"]


def test_rows_reach_the_folder_without_being_asked(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    recorder = Recorder(tmp_path / "run", RecordSettings(flush_interval_s=0.02))
    recorder.access("k", "hit")
    for _ in range(500):
        if read_table(tmp_path / "run", "accesses").num_rows:
            break
        time.sleep(0.02)
    assert read_table(tmp_path / "run", "accesses")["key"].to_pylist() == ["k"]
    recorder.close()
    assert not any(thread.name == "perflab-recorder" for thread in set(threading.enumerate()) - before)


def test_many_small_parts_become_one_and_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    for number in range(3 * MERGE_PIECES):
        recorder.access(f"key-{number}", "hit")
        recorder.flush()
        keys = read_table(tmp_path / "run", "accesses")["key"].to_pylist()
        assert keys == [f"key-{known}" for known in range(number + 1)]
    assert len(list((tmp_path / "run" / "parts").glob("accesses-*"))) < MERGE_PIECES
    recorder.close()
    assert read_table(tmp_path / "run", "accesses").num_rows == 3 * MERGE_PIECES


def test_parts_that_were_merged_but_not_yet_removed_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)  # as if the program died before it could remove them
    recorder = Recorder(tmp_path / "run")
    for number in range(MERGE_PIECES):
        recorder.access(f"key-{number}", "hit")
        recorder.flush()
    assert len(list((tmp_path / "run" / "parts").glob("accesses-*"))) > MERGE_PIECES
    assert read_table(tmp_path / "run", "accesses").num_rows == MERGE_PIECES


def test_looking_changes_nothing() -> None:
    recorder = Recorder()
    for number in range(200):
        recorder.access(f"key-{number}", "miss")
        recorder.add("resources", growth_bytes=number)
        assert len(recorder.frames.accesses) == number + 1
        assert recorder.last("resources")["growth_bytes"] == number
    assert recorder.totals() == {"miss": 200}
    assert recorder._logs["accesses"].nbytes == 0  # nothing was sealed for it


def test_totals_count_what_was_dropped_too() -> None:
    recorder = Recorder(settings=RecordSettings(chunk_rows=100, memory_budget_bytes=50_000))
    for number in range(5_000):
        recorder.access(f"key-{number}", "miss" if number % 2 else "hit")
    assert recorder.rows_dropped > 0
    assert recorder.totals() == {"miss": 2_500, "hit": 2_500}
    assert recorder.last("events") == {}


def test_two_recorders_on_one_folder_are_refused_by_name(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    with pytest.raises(RunError, match=r"Another system writes to the run folder '.*run'"):
        Recorder(tmp_path / "run")
    recorder.close()
    with pytest.raises(RunError, match="holds a run already"):
        Recorder(tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"run folder '.*file/run' cannot be written: Not a directory"):
        Recorder(tmp_path / "file" / "run")


def test_a_disk_that_fails_later_costs_one_warning_and_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "run")
    recorder.access("k", "hit")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("perflab.record.store.RunFolder.write", full)
    with pytest.warns(RuntimeWarning, match="No space left on device.*recording goes on in memory") as warned:
        recorder.flush()
    recorder.flush()
    recorder.close()
    assert len(warned) == 1
    assert recorder.frames.accesses["key"].tolist() == ["k"]


def test_rows_of_a_worker_come_home_with_their_own_run_id() -> None:
    home, worker = Recorder(), Recorder()
    home.access("a", "hit")
    worker.access("b", "hit")
    home.absorb({"accesses": worker.rows("accesses")})
    accesses = home.frames.accesses
    assert accesses["key"].tolist() == ["a", "b"]
    assert accesses["run_id"].astype(str).tolist() == [home.run_id, worker.run_id]


def test_a_forked_child_does_not_touch_its_parents_run_folder(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run")
    recorder.access("k", "hit")
    child = os.fork()
    if child == 0:
        recorder.flush()
        recorder.close("failed")
        os._exit(0)
    os.waitpid(child, 0)
    assert read_info(tmp_path / "run")["status"] == "unfinished"
    recorder.close()
    assert read_info(tmp_path / "run")["status"] == "finished"


def test_the_null_recorder_keeps_nothing() -> None:
    NULL_RECORDER.access("k", "hit")
    NULL_RECORDER.add("events", name="x")
    with NULL_RECORDER.operation("x"):
        pass
    assert all(frame.empty for frame in NULL_RECORDER.frames.values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no run"),
        ("{", "cannot be read"),
        ("[]", "does not say its format"),
        ('{"format": 99}', "has format 99; this perflab reads up to 1"),
    ],
)
def test_a_folder_that_is_no_run_says_why(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=message):
        read_info(tmp_path)


def test_a_damaged_frame_is_named(tmp_path: Path) -> None:
    (tmp_path / "accesses.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(RunError, match="The frame 'accesses' of the run"):
        read_table(tmp_path, "accesses")


@pytest.mark.parametrize("ratio", [1.0, 0.25])
def test_the_frame_says_which_share_of_the_keys_it_has(ratio: float, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", RecordSettings(sample_ratio=ratio))
    for number in range(400):
        recorder.access(f"key-{number}", "miss")
    accesses = recorder.frames.accesses
    assert accesses.attrs["sample_ratio"] == ratio
    assert recorder.frames.operations.attrs["sample_ratio"] == 1
    assert len(accesses) / ratio == pytest.approx(400, rel=0.3)
    recorder.close()


def test_a_flush_before_the_recorder_is_ready_ends_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began = RunningFolder

    def at_once(path: Path, facts: Any, flush: Any, interval_s: float, tell: Any) -> Any:
        flush()  # as its thread may, with a short interval, before there is anything to assign
        return began(path, facts, flush, interval_s, tell)

    monkeypatch.setattr("perflab.record.recorder.RunningFolder", at_once)
    recorder = Recorder(tmp_path / "run")
    recorder.access("key", "miss")
    recorder.close()
    assert len(recorder.frames.accesses) == 1
