"""What a trace knows of itself, what it keeps of its keys, and what it refuses to be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import perflab
from perflab.errors import ConfigError, SourceError
from perflab.trace import UNKNOWN_BYTES, Trace, trace_of


def a_trace():
    return Trace.of(
        ["a", "b", "a", "c"],
        nbytes=[10, 20, 10, UNKNOWN_BYTES],
        times=[0, 1, 1, 4.5],
        costs=[0.5, np.nan, 0.5, 1.0],
    )


def test_ids_are_dense_and_in_order_of_appearance():
    trace = a_trace()
    assert trace.ids.dtype == np.int32
    assert trace.ids.tolist() == [0, 1, 0, 2]
    assert list(trace.labels) == ["a", "b", "c"]


def test_the_head_has_keys_and_what_is_known():
    head = a_trace().head(2)
    assert head["key"].tolist() == ["a", "b"]
    assert head["size"].tolist() == [10, 20]
    assert head["time"].tolist() == [0.0, 1.0]
    assert list(Trace.of([1, 2]).head().columns) == ["key"]


def test_what_is_not_known_is_missing_and_never_a_number():
    frame = a_trace().frame()
    assert pd.isna(frame["size"][3])
    assert pd.isna(frame["cost"][1])


def test_facts():
    facts = a_trace().describe()["value"]
    assert facts["accesses"] == 4
    assert facts["keys"] == 3
    assert facts["keys wanted once"] == 2
    assert facts["bytes of all keys"] == 30
    assert facts["highest hit rate of any cache"] == 0.25
    assert facts["time"] == 4.5
    assert pd.isna(Trace.of([1, 1]).describe()["value"]["time"])


def test_a_sample_keeps_all_accesses_of_the_keys_that_it_keeps():
    keys = np.random.default_rng(1).integers(0, 2_000, 20_000)
    trace = Trace.of(keys, nbytes=keys)
    sample = trace.sample(keys=0.25)
    counts, kept = pd.Series(keys).value_counts(), pd.Series(sample.frame()["key"]).value_counts()
    assert (counts[kept.index] == kept).all()
    assert 0.2 < sample.keys / trace.keys < 0.3
    assert sample.ids.max() == sample.keys - 1
    assert (sample.frame()["key"] == sample.nbytes).all()
    assert trace.sample(keys=0.25).ids.tolist() == sample.ids.tolist()
    assert trace.sample(keys=0.25, seed=1).keys != 0
    assert set(trace.sample(keys=0.25, seed=1).labels) != set(sample.labels)


@pytest.mark.parametrize("share", [0, -1, 1.5, True, "all", float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ConfigError, match="share of keys"):
        a_trace().sample(share)


def test_times_that_go_back_are_named():
    with pytest.raises(
        SourceError, match=r"go back at access 3, from 5 to 4 s; sort it by time, or read it with times=False"
    ):
        Trace.of([1, 2, 3], times=[1, 5, 4])
    with pytest.raises(SourceError, match="go back at access 2"):
        Trace.of([1, 2], times=[1, np.nan])


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(SourceError, match="3 accesses and 2 nbytes"):
        Trace.of([1, 2, 3], nbytes=[1, 2])


def test_an_empty_trace_has_facts_too():
    facts = Trace.of([]).describe()["value"]
    assert facts["accesses"] == 0
    assert pd.isna(facts["highest hit rate of any cache"])


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.xz", ".csv.zst", ".parquet"])
def test_what_is_saved_is_read_again(tmp_path, suffix):
    trace = a_trace()
    again = perflab.read_trace(trace.save(tmp_path / f"trace{suffix}"))
    assert again.ids.tolist() == trace.ids.tolist()
    assert list(again.labels) == list(trace.labels)
    assert again.nbytes.tolist() == trace.nbytes.tolist()
    assert again.times.tolist() == trace.times.tolist()
    np.testing.assert_equal(again.costs, trace.costs)


def test_keys_with_commas_quotes_and_odd_letters_come_back(tmp_path):
    keys = ["a,b", 'say "no"', "ä€", " blank ", "#x", "1"]
    assert list(perflab.read_trace(Trace.of(keys).save(tmp_path / "t.csv")).labels) == keys
    assert list(perflab.read_trace(Trace.of(keys).save(tmp_path / "t.parquet")).labels) == keys


def test_other_formats_are_not_written(tmp_path):
    with pytest.raises(ConfigError, match=r"must end in .csv"):
        a_trace().save(tmp_path / "trace.xlsx")
    with pytest.raises(SourceError, match="cannot be written"):
        a_trace().save(tmp_path / "missing" / "trace.csv")


ROWS = [
    ("2026-01-01T00:00:02", "a", "miss", None, None, None, "render"),
    ("2026-01-01T00:00:03", "a", "load", None, None, 0.25, "render"),
    ("2026-01-01T00:00:04", "a", "set", "l1", 40, None, "render"),
    ("2026-01-01T00:00:05", "a", "hit", "l1", 40, 1e-6, "check"),
    ("2026-01-01T00:00:01", "b", "miss", None, None, None, None),
]


def recorded(rows):
    frame = pd.DataFrame(rows, columns=["t", "key", "event", "tier", "nbytes", "duration_s", "operation"])
    return frame.assign(t=pd.to_datetime(frame["t"]))


def test_of_recorded_rows_reads_are_accesses_in_order_of_time():
    trace = trace_of(recorded(ROWS))
    assert trace.frame()["key"].tolist() == ["b", "a", "a"]
    assert trace.times.tolist() == [0, 1, 4]
    assert trace.nbytes.tolist() == [UNKNOWN_BYTES, 40, 40]
    np.testing.assert_equal(trace.costs, [np.nan, 0.25, 0.25])
    assert trace.operation("check").frame()["key"].tolist() == ["a"]
    with pytest.raises(ConfigError, match=r"'paint'; the trace knows render, check"):
        trace.operation("paint")


def test_rows_whose_clock_was_not_read_have_no_times():
    rows = recorded(ROWS)
    rows["t"] = pd.NaT
    assert trace_of(rows).times is None
    assert trace_of(rows).frame()["key"].tolist() == ["a", "a", "b"]
