"""What reading recorded rows costs, and what they take on disk: run with `make perf`.

Nothing here asserts a time; each line is for people to read, ratios with their interval and the noise floor.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perflab.bench import Arm, run
from perflab.record.arrow import arrow_schema
from perflab.record.dataframe import to_dataframe
from perflab.record.parquet import write_file
from perflab.record.rows import conform, gather
from perflab.record.where import Where

PIECE = 4096
START = 1_790_000_000_000_000


@functools.cache
def hits(rows: int, distinct: int, *, same_size: bool = False) -> pa.Table:
    """Return hits 1 to 50 µs apart, their keys by Zipf's law, their sizes a function of the key."""
    rng = np.random.default_rng(2026)
    weights = np.cumsum(1 / np.arange(1, distinct + 1))
    key = rng.permutation(distinct)[np.searchsorted(weights / weights[-1], rng.random(rows))]
    seen, code = np.unique(key, return_inverse=True)
    sizes = np.full(distinct, 100) if same_size else rng.lognormal(7.5, 1.2, distinct).astype(np.int64)
    nothing = np.zeros(rows, np.int32)
    known = {
        "run_id": pa.DictionaryArray.from_arrays(nothing, pa.array(["run"])),
        "t": pa.array(START + np.cumsum(rng.integers(1, 51, rows)), pa.timestamp("us", tz="UTC")),
        "key": pa.DictionaryArray.from_arrays(code.astype(np.int32), pa.array([f"key-{number}" for number in seen])),
        "event": pa.DictionaryArray.from_arrays(nothing, pa.array(["hit"])),
        "tier": pa.DictionaryArray.from_arrays(nothing, pa.array(["l1"])),
        "nbytes": pa.array(sizes[key]),
        "stream": pa.DictionaryArray.from_arrays(nothing, pa.array(["MainThread"])),
        "t_estimated": pa.array(np.zeros(rows, np.bool_)),
    }
    return conform("accesses", pa.table(known))


@functools.cache
def in_pieces(rows: int, distinct: int) -> pa.Table:
    """Return the same in pieces, each with a dictionary of its own, as they are recorded."""
    whole = hits(rows, distinct)
    place = whole.schema.get_field_index("key")
    pieces = []
    for start in range(0, rows, PIECE):
        piece = whole.slice(start, PIECE)
        key = piece.column("key").cast(pa.string()).dictionary_encode()
        pieces.append(piece.set_column(place, whole.schema.field("key"), key))
    return pa.concat_tables(pieces)


@functools.cache
def on_disk(rows: int, distinct: int, *, same_size: bool = False) -> Path:
    """Return a file of them."""
    folder = Path(tempfile.mkdtemp(prefix="perflab-frames-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "accesses.parquet"
    write_file(file, [hits(rows, distinct, same_size=same_size)], arrow_schema("accesses"))
    return file


def by_arrow() -> None:
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    in_pieces(1_000_000, 100_000).unify_dictionaries().to_pandas(types_mapper=nullable.get)


def by_perflab() -> None:
    to_dataframe(in_pieces(1_000_000, 100_000))


def all_of_a_file() -> None:
    to_dataframe(gather("accesses", [on_disk(5_000_000, 100_000)]))


def newest_of_a_file() -> None:
    to_dataframe(gather("accesses", [on_disk(5_000_000, 100_000)], None, Where(since="-1s")))


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


@pytest.mark.parametrize(
    ("title", "baseline", "other"),
    [
        ("1,000,000 rows in pieces as a DataFrame / by Arrow's own conversion", by_arrow, by_perflab),
        ("the newest second of 5,000,000 rows on disk / all of them", all_of_a_file, newest_of_a_file),
    ],
    ids=("conversion", "pushdown"),
)
def test_frames_ratio(
    title: str, baseline: Callable[[], None], other: Callable[[], None], say: Callable[[str], None]
) -> None:
    baseline()
    arms = (
        Arm("baseline", baseline, clock="cpu", inputs="baseline"),
        Arm("optimized", other, clock="cpu", inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=16).comparisons[0].comparison
    assert found.pairs >= 16
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    say(f"\n{title}: {interval}, noise floor {max(found.baseline_noise, found.noise):.1%}, {found.pairs} pairs")


@pytest.mark.parametrize("rows", [1_000_000, 10_000_000], ids=lambda rows: f"{rows:,}")
def test_time_of_a_frame(rows: int, say: Callable[[str], None]) -> None:
    sources: dict[str, pa.Table | Path] = {
        "in one table": hits(rows, rows // 10),
        "in pieces of 4,096": in_pieces(rows, rows // 10),
        "on disk": on_disk(rows, rows // 10),
    }
    for title, source in sources.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            frame = to_dataframe(gather("accesses", [source]))
            times.append(time.perf_counter() - started)
        assert len(frame) == rows
        keys = len(frame["key"].cat.categories)
        say(f"\nframes.accesses, {rows:,} rows of {keys:,} keys {title}: {min(times):.2f} s, the best of 3")


@pytest.mark.parametrize("same_size", [True, False], ids=["one size", "sizes by key"])
@pytest.mark.parametrize("distinct", [10_000, 100_000], ids=["10,000 keys", "100,000 keys"])
def test_bytes_a_row_on_disk(distinct: int, same_size: bool, say: Callable[[str], None]) -> None:
    rows = 1_000_000
    size = on_disk(rows, distinct, same_size=same_size).stat().st_size / rows
    assert size > 0
    say(f"\n{rows:,} hits of {distinct:,} keys, {'one size' if same_size else 'sizes by key'}: {size:.2f} bytes a row")
