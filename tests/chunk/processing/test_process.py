"""Each chunk is computed once, recorded, and named if it fails."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from chunk_workers import InlineWorkers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perflab.chunk import Chunk, ChunkWork, process_file, split
from perflab.chunk.processing.cutting import Layouts
from perflab.errors import CancelledError, ConfigError, PerflabError, SourceError, StoreError
from perflab.parallel import Workers
from perflab.record.frames import columns

SOURCE = "".join(f"def f{number}(x):\n    return x + {number}\n\n\n" for number in range(30))


class OtherProcess(InlineWorkers):
    """Sends the function, the chunks and the results through pickle, as processes do."""

    def map(self, fn: Callable[[Any], Any], items: Iterable[Any], **options: Any) -> Iterator[Any]:
        fn = cloudpickle.loads(cloudpickle.dumps(fn))
        object.__setattr__(fn, "home", -1)

        def there(item: Any) -> Any:
            return cloudpickle.loads(cloudpickle.dumps(fn(cloudpickle.loads(cloudpickle.dumps(item)))))

        return super().map(there, items, **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "m.py"
    path.write_text(SOURCE)
    return path


def _process(path: Any, fn: Callable[[Chunk], Any], parts: Any, **arguments: Any) -> Any:
    cache, workers, recorder = parts
    arguments = {"max_bytes": 64, "code_digest": "c", **arguments}
    return process_file(path, fn, cache=cache, workers=workers, recorder=recorder, **arguments)


@pytest.fixture
def parts(cache: Any, workers: Any, recorder: Any) -> Any:
    return cache, workers, recorder


def _length(chunk: Chunk) -> int:
    return len(chunk.data)


def test_two_runs_and_an_edit(source: Path, parts: Any) -> None:
    first = _process(source, _length, parts)
    chunks = split(SOURCE.encode(), path=source, max_bytes=64)
    assert first.chunks == tuple(replace(chunk, data=b"") for chunk in chunks)
    assert first.results == tuple(len(chunk) for chunk in chunks)
    assert (first.processed, first.reused, first.failed) == (len(chunks), 0, 0)
    assert first.nbytes == len(SOURCE)
    assert first.duration_s > 0

    second = _process(source, _length, parts)
    assert (second.results, second.processed, second.reused) == (first.results, 0, len(chunks))
    assert parts[1].items == len(chunks)

    source.write_text(SOURCE.replace("x + 15\n", "x + 150\n"))
    third = _process(source, _length, parts)
    assert (third.processed, third.reused, third.failed) == (1, len(chunks) - 1, 0)
    assert parts[1].items == len(chunks) + 1


def test_an_insertion_changes_only_chunks_around_it(source: Path, parts: Any) -> None:
    first = _process(source, _length, parts, max_bytes=200)
    source.write_text(SOURCE.replace("def f15", "def inserted(y):\n    pass\n\n\ndef f15"))
    second = _process(source, _length, parts, max_bytes=200)
    assert len(first.chunks) >= 8
    assert 1 <= second.processed <= 3
    assert [len(chunk) for chunk in second.chunks] == list(second.results)
    assert sum(second.results) == second.nbytes == source.stat().st_size


def test_equal_chunks_are_computed_once(tmp_path: Path, parts: Any) -> None:
    path = tmp_path / "m.py"
    path.write_text("def f(x):\n    return 'the very same text, again'\n\n\n" * 5)
    result = _process(path, _length, parts)
    assert (result.processed, result.reused) == (1, 4)
    assert len(set(result.results)) == 1
    assert None not in result.results


def test_equal_bytes_in_another_class_are_another_chunk(tmp_path: Path, parts: Any) -> None:
    method = "    def same(self):\n        return 'the very same text, again'\n\n"
    path = tmp_path / "m.py"
    path.write_text(f"class A:\n{method}\nclass B:\n{method}\n")
    result = _process(path, lambda chunk: chunk.name, parts, max_bytes=64)
    assert [name for name in result.results if "." in name] == ["A.same", "B.same"]


def test_other_code_operation_and_key_are_not_reused(source: Path, parts: Any) -> None:
    total = _process(source, _length, parts).processed
    assert _process(source, _length, parts, code_digest="d").processed == total
    assert _process(source, _length, parts, operation="other").processed == total
    assert _process(source, _length, parts, key=lambda chunk: chunk.path).processed == total
    assert _process(source, _length, parts).processed == 0


def test_none_is_a_result_that_is_cached(source: Path, parts: Any) -> None:
    first = _process(source, lambda _chunk: None, parts, operation="none")
    second = _process(source, lambda _chunk: None, parts, operation="none")
    assert (first.failed, second.processed, second.reused) == (0, 0, len(first.chunks))


def test_rows(source: Path, parts: Any) -> None:
    result = _process(source, _length, parts, operation="length")
    _process(source, _length, parts, operation="length")
    rows = [values for frame, values in parts[2].rows if frame == "chunks"]
    assert len(rows) == 2 * len(result.chunks)
    assert {name for row in rows for name in row} <= {column.name for column in columns("chunks")}
    computed, reused = rows[: len(result.chunks)], rows[len(result.chunks) :]
    assert {row["status"] for row in computed} == {"processed"}
    assert {row["operation"] for row in rows} == {"length"}
    assert all(row["duration_s"] > 0 and row["stream"] == threading.current_thread().name for row in computed)
    assert {row["status"] for row in reused} == {"reused"}
    assert not any("duration_s" in row or "stream" in row for row in reused)
    for row, chunk in zip(computed, result.chunks, strict=True):
        assert (row["start"], row["stop"], row["digest"]) == (chunk.start, chunk.stop, chunk.digest)


def _fails_at_15(chunk: Chunk) -> int:
    if b"f15" in chunk.data:
        raise KeyError("fifteen")
    return len(chunk.data)


def test_an_error_names_the_chunk_and_keeps_what_is_done(source: Path, parts: Any) -> None:
    with pytest.raises(KeyError, match="fifteen") as raised:
        _process(source, _fails_at_15, parts)
    chunks = split(SOURCE.encode(), path=source, max_bytes=64)
    at, failing = next((at, chunk) for at, chunk in enumerate(chunks) if b"f15" in chunk.data)
    lines = f"lines {failing.start_line} to {failing.end_line}, function {failing.name}"
    assert raised.value.__notes__ == [f"while processing {source}, {lines}"]
    computed = len(parts[0])
    assert computed == parts[1].items - 1
    assert at <= computed < len(chunks) - 1
    again = _process(source, _fails_at_15, parts, errors="collect")
    assert again.reused == computed
    assert again.processed == len(again.chunks) - computed - 1


def test_collected_errors(source: Path, parts: Any) -> None:
    result = _process(source, _fails_at_15, parts, errors="collect")
    assert (result.processed, result.failed) == (len(result.chunks) - 1, 1)
    assert [type(error) for error in result.errors] == [KeyError]
    at = result.results.index(None)
    assert result.chunks[at].name == "f15"
    (row,) = [values for frame, values in parts[2].rows if values.get("status") == "failed"]
    assert row["error"] == "KeyError: 'fifteen'"
    assert row["duration_s"] > 0


def test_twins_of_a_failed_chunk_failed_too(tmp_path: Path, parts: Any) -> None:
    path = tmp_path / "m.py"
    path.write_text("def f15(x):\n    return 'the very same text, again'\n\n\n" * 3)
    result = _process(path, _fails_at_15, parts, errors="collect")
    assert (result.processed, result.reused, result.failed, len(result.errors)) == (0, 0, 3, 1)


class OddError(Exception):
    """Cannot travel to another process: it holds a lock, whatever libraries teach pickle about exceptions."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")
        self.lock = threading.Lock()


def _odd(chunk: Chunk) -> None:
    raise OddError(1, len(chunk.data))


def test_errors_of_other_processes_come_home(source: Path, parts: Any) -> None:
    cache, _, recorder = parts
    with pytest.raises(PerflabError, match="OddError: 1 and") as raised:
        _process(source, _odd, (cache, OtherProcess(), recorder))
    with pytest.raises(OddError):
        _process(source, _odd, parts)
    assert "while processing" in raised.value.__notes__[0]


@pytest.fixture(params=["pickled", "threads", "processes", "executor", "cluster"])
def any_workers(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "pickled":
        yield OtherProcess()
    elif request.param == "executor":
        with ThreadPoolExecutor(2) as pool, Workers.over(pool, workers=2) as made:
            yield made
    elif request.param == "cluster":
        import distributed

        options: dict[str, Any] = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0"}
        with (
            distributed.LocalCluster(**options, processes=False) as cluster,
            Workers(2, scheduler=cluster.scheduler_address) as made,
        ):
            yield made
    else:
        with Workers(2, request.param, in_flight=3) as made:
            yield made


def test_any_workers_give_the_same(source: Path, parts: Any, any_workers: Any) -> None:
    expected = _process(source, _length, parts)
    cache = type(parts[0])()
    result = _process(source, _length, (cache, any_workers, parts[2]))
    assert (result.results, result.chunks) == (expected.results, expected.chunks)
    assert cache == parts[0]


def test_a_value_that_the_cache_refuses_is_still_returned(source: Path, parts: Any) -> None:
    class Refusing(type(parts[0])):  # type: ignore[misc]
        def set(self, key: Any, value: Any) -> None:
            raise StoreError(f"{type(value)} of {key} is not stored")

    with pytest.warns(RuntimeWarning, match="not cached") as warned:
        result = _process(source, _length, (Refusing(), *parts[1:]))
    assert [warning.filename for warning in warned] == [__file__]
    assert result.results == tuple(len(chunk) for chunk in result.chunks)


def test_fallbacks_are_events(tmp_path: Path, parts: Any) -> None:
    path = tmp_path / "m.py"
    path.write_bytes("x = 1\n".encode("utf-16"))
    result = _process(path, _length, parts)
    assert "utf-16" in result.notes[0]
    assert [values["name"] for frame, values in parts[2].rows if frame == "events"] == ["chunk_fallback"]


def test_bad_input(tmp_path: Path, parts: Any) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        _process(tmp_path / "gone.py", _length, parts)
    with pytest.raises(ConfigError, match="ignore"):
        _process(tmp_path / "gone.py", _length, parts, errors="ignore")
    (tmp_path / "empty.py").touch()
    assert _process(tmp_path / "empty.py", _length, parts).results == ()


def test_values_are_joined_in_order_and_not_kept(source: Path, parts: Any) -> None:
    expected = _process(source, _length, parts)
    result = _process(source, lambda chunk: chunk.data, parts, join=b"".join)
    assert (result.joined, result.results, result.chunks) == (source.read_bytes(), (), ())
    assert len(result) == len(expected.chunks)
    first = _process(source, _length, parts, join=next)
    assert first.joined == expected.results[0]
    assert len(first) == len(expected.chunks)
    collected = _process(source, _fails_at_15, parts, join=list, errors="collect")
    assert len(collected.joined) == len(collected) - 1


def test_results_come_one_by_one_and_the_error_after_them(source: Path, parts: Any) -> None:
    cache, workers, recorder = parts
    work = ChunkWork(_fails_at_15, cache, workers, recorder, max_bytes=64)
    seen: list[tuple[bytes, int | None]] = []
    results = work.results(source)
    with pytest.raises(KeyError):
        seen.extend((result.chunk.data, result.value) for result in results)
    at = SOURCE.index("def f15")
    assert b"".join(data for data, _ in seen).decode() == SOURCE[:at]
    assert all(len(data) == value for data, value in seen)


def test_an_iterator_that_is_closed_keeps_what_it_gave(source: Path, parts: Any) -> None:
    cache, workers, recorder = parts
    results = ChunkWork(_length, cache, workers, recorder, max_bytes=64).results(source)
    for _ in range(5):
        next(results)
    results.close()
    assert len(cache) >= 5
    assert workers.items < 15


def test_cancelled_work_begins_no_further_chunk_and_keeps_what_is_done(source: Path, parts: Any) -> None:
    cancel = threading.Event()

    def until(chunk: Chunk) -> int:
        if chunk.name == "f10":
            cancel.set()
        return len(chunk)

    with pytest.raises(CancelledError, match="cancelled"):
        _process(source, until, parts, cancel=cancel)
    assert 10 <= len(parts[0]) == parts[1].items < 20
    cancel.clear()
    assert _process(source, until, parts, code_digest="c").reused >= 10


def test_a_file_that_fails_on_the_way_costs_nothing_that_was_begun(parts: Any) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 4096:
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(SourceError, match="Input/output error"):
        _process(Failing(SOURCE.encode() * 30), _length, parts, window_bytes=512)
    assert len(parts[0]) == parts[1].items > 5


def _kills(chunk: Chunk) -> int:
    if chunk.name == "f7":
        os._exit(1)
    return len(chunk.data)


def test_a_chunk_that_kills_its_worker_fails_alone(source: Path, parts: Any) -> None:
    cache, _, recorder = parts
    with Workers(2, "processes", in_flight=4) as workers:
        result = _process(source, _kills, (cache, workers, recorder), errors="collect")
        names = [chunk.name for chunk, value in zip(result.chunks, result.results, strict=True) if value is None]
        assert names == ["f7"]
        assert (result.failed, result.processed) == (1, len(result.chunks) - 1)
        assert all(isinstance(error, BrokenExecutor) for error in result.errors)
        assert "function f7" in result.errors[0].__notes__[-1]


def test_a_killed_worker_that_ends_the_call_costs_nothing_that_was_finished(source: Path, parts: Any) -> None:
    cache, _, recorder = parts
    with Workers(2, "processes", in_flight=4) as workers:
        with pytest.raises(BrokenExecutor) as raised:
            _process(source, _kills, (cache, workers, recorder))
        kept = len(cache)
        assert kept >= 1  # more if they were handed out in smaller batches than the one that ended the call
        assert any(str(source) in note and "errors='collect'" in note for note in raised.value.__notes__)
        again = _process(source, _kills, (cache, workers, recorder), errors="collect")
    assert (again.reused, again.failed) == (kept, 1)
    assert again.errors[0].__notes__[0].endswith("function f7")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 29), st.sampled_from(["drop", "swap", "edit", "copy"])), max_size=6))
def test_whatever_is_edited_the_results_are_those_of_a_new_file(
    tmp_path: Path, steps: list[tuple[int, str]], cache: Any, workers: Any, recorder: Any
) -> None:
    functions = [f"def f{number}(x):\n    return x + {number} * {number}\n\n\n" for number in range(30)]
    path, layouts = tmp_path / "m.py", Layouts()
    for at, kind in [(0, "none"), *steps]:
        at = min(at, len(functions) - 1)
        if kind == "drop" and len(functions) > 1:
            del functions[at]
        elif kind == "swap":
            functions.insert(0, functions.pop(at))
        elif kind == "copy":
            functions.append(functions[at])
        elif kind == "edit":
            functions[at] = functions[at].replace("return", "return 1 +", 1)
        path.write_text("".join(functions))
        known = set(cache)
        work = ChunkWork(_length, cache, workers, recorder, max_bytes=64, code_digest="c", layouts=layouts)
        result = work.file(path)
        fresh = _process(path, _length, (type(cache)(), workers, recorder))
        assert (result.results, result.chunks) == (fresh.results, fresh.chunks)
        assert result.processed == len(set(cache) - known)
