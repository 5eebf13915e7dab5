from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, get_args

import pandas as pd
import pytest
from record_tables import accesses, table

from perflab.analyze.targets import TargetVerdict
from perflab.bench.arm import State
from perflab.bench.schedule import Purpose
from perflab.errors import ConfigError, RunError
from perflab.optimize.result import Verdict
from perflab.record import ACCESS_EVENTS, FRAMES, SCHEMA, Frames, Recorder
from perflab.record.arrow import empty_table
from perflab.record.check import check_frame, pandera_schema
from perflab.record.dataframe import to_dataframe
from perflab.record.vocabulary import VOCABULARY

GOOD: dict[str, dict[str, Any]] = {
    "operations": {"operation_id": 1, "name": "parse", "duration_s": 0.5, "ok": True},
    "accesses": {"key": "k", "event": "hit", "tier": "l1", "nbytes": 0, "duration_s": 0.0},
    "chunks": {"start": 0, "stop": 0, "start_line": 1, "end_line": 1, "status": "processed"},
    "resources": {"rss_bytes": 5, "growth_bytes": -5, "cpu_ratio": 1.0, "cost_s": 0.0},
    "events": {"name": "memory_warning", "payload": "{}"},
    "optimizations": {"verdict": "rolled back", "low": -1.0, "high": -1.0},
    "samples": {"pair": -1, "purpose": "time", "state": "any", "wall_s": 0.1, "growth_bytes": -1},
    "targets": {"name": "cache.hit_rate", "verdict": "unavailable"},
}


def rows(frame: str, **changed: object) -> pd.DataFrame:
    """Return three good rows, the last with changes."""
    good = GOOD[frame]
    return to_dataframe(table(frame, good, good, {**good, **changed}))


@pytest.mark.parametrize("frame", FRAMES)
def test_what_is_recorded_holds_with_and_without_rows(frame: str) -> None:
    check_frame(frame, rows(frame))
    check_frame(frame, to_dataframe(empty_table(frame)))


@pytest.mark.parametrize(
    ("frame", "changed", "message"),
    [
        ("accesses", {"nbytes": -5}, "'nbytes' is -5 in row 2, allowed is 0 or more"),
        ("accesses", {"duration_s": -0.1}, "'duration_s' is -0.1 in row 2, allowed is 0 or more"),
        ("accesses", {"event": "hits"}, "'event' is 'hits' in row 2, allowed is one of hit, miss"),
        ("accesses", {"event": None}, "'event' is missing in row 2"),
        ("accesses", {"tier": "l4"}, "'tier' is 'l4' in row 2, allowed is one of l1, l2, l3"),
        ("accesses", {"run_id": None}, "'run_id' is missing in row 2"),
        ("operations", {"duration_s": -1.0}, "'duration_s' is -1 in row 2, allowed is 0 or more"),
        ("operations", {"operation_id": None}, "'operation_id' is missing in row 2"),
        ("operations", {"name": None}, "'name' is missing in row 2"),
        ("chunks", {"status": "done"}, "'status' is 'done' in row 2, allowed is one of processed, reused, failed"),
        ("chunks", {"start": 9}, "start <= stop is not so in row 2"),
        ("chunks", {"end_line": 0}, "start_line <= end_line is not so in row 2"),
        ("resources", {"rss_bytes": -1}, "'rss_bytes' is -1 in row 2, allowed is 0 or more"),
        ("resources", {"cpu_ratio": 1.1}, "'cpu_ratio' is 1.1 in row 2, allowed is 0 to 1"),
        ("resources", {"io_pressure_ratio": -0.1}, "'io_pressure_ratio' is -0.1 in row 2, allowed is 0 to 1"),
        ("resources", {"threads": -1}, "'threads' is -1 in row 2, allowed is 0 or more"),
        ("events", {"name": None}, "'name' is missing in row 2"),
        (
            "optimizations",
            {"verdict": "reverted"},
            "'verdict' is 'reverted' in row 2, allowed is one of confirmed, indistinguishable",
        ),
        ("optimizations", {"low": 2.0}, "low <= high is not so in row 2"),
        ("samples", {"pair": -2}, "'pair' is -2 in row 2, allowed is -1 or more"),
        ("samples", {"purpose": "speed"}, "'purpose' is 'speed' in row 2, allowed is one of time, memory"),
        ("samples", {"state": "hot"}, "'state' is 'hot' in row 2, allowed is one of cold"),
        ("samples", {"wall_s": -1.0}, "'wall_s' is -1 in row 2"),
        ("targets", {"verdict": "passed"}, "'verdict' is 'passed' in row 2, allowed is one of pass, fail"),
        ("targets", {"low": 2.0, "high": 1.0}, "low <= high is not so in row 2"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None if value not in FRAMES else value,
)
def test_what_cannot_be_is_named_with_frame_column_and_value(
    frame: str, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(RunError) as raised:
        check_frame(frame, rows(frame, **changed))
    assert str(raised.value).startswith(f"The frame {frame!r} does not hold: {message}")
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda frame: frame.drop(columns=["key", "nbytes"]), "it lacks 'key', 'nbytes'"),
        (lambda frame: frame.drop(columns="key"), "it lacks 'key'"),
        (lambda frame: frame.assign(colour="red"), "it has 'colour', which it should not"),
        (lambda frame: frame.astype({"nbytes": "float64"}), "'nbytes' has the dtype float64, allowed is Int64"),
        (lambda frame: frame.astype({"event": "str"}), "'event' has the dtype str, allowed is category"),
        (lambda frame: frame.assign(t=1), r"'t' has the dtype int64, allowed is datetime64\[us, UTC\]"),
        (lambda frame: frame.assign(t=frame["t"].dt.tz_localize(None)), "'t' has the dtype datetime64"),
    ],
    ids=[
        "columns missing",
        "column missing",
        "column unknown",
        "float for int",
        "text for category",
        "number for time",
        "no time zone",
    ],
)
def test_a_frame_of_another_shape_is_named(broken: Callable[[pd.DataFrame], pd.DataFrame], message: str) -> None:
    with pytest.raises(RunError, match=f"The frame 'accesses' does not hold: {message}[^;]*$"):
        check_frame("accesses", broken(rows("accesses")))


def test_everything_that_is_wrong_is_in_one_sentence_and_counted() -> None:
    wrong = to_dataframe(accesses(4, nbytes=-1, event="x"))
    with pytest.raises(RunError) as raised:
        check_frame("accesses", wrong)
    text = str(raised.value)
    assert "'event' is 'x' in row 0 and 3 more" in text
    assert "'nbytes' is -1 in row 0 and 3 more" in text


def test_a_long_list_of_faults_is_cut() -> None:
    wrong = dict.fromkeys(("rss_bytes", "baseline_bytes", "limit_bytes", "threads", "open_files", "cpu_ratio"), -5)
    with pytest.raises(RunError, match=r"; 'threads' is -5 [^;]* \(and 1 more\)\.$"):
        check_frame("resources", rows("resources", **wrong))


def test_hits_may_lack_their_time_and_nothing_else_may() -> None:
    for frame in FRAMES:
        timeless = rows(frame)
        timeless.loc[2, "t"] = pd.NaT
        if frame == "accesses":
            check_frame(frame, timeless)
        else:
            with pytest.raises(RunError, match="'t' is missing in row 2"):
                check_frame(frame, timeless)


def test_frames_check_themselves() -> None:
    tables = {"accesses": accesses(5)}
    Frames(lambda frame: tables.get(frame, empty_table(frame))).check()
    tables["accesses"] = accesses(5, nbytes=-1)
    with pytest.raises(RunError, match="The frame 'accesses' does not hold: 'nbytes'"):
        Frames(lambda frame: tables.get(frame, empty_table(frame))).check()


def test_what_a_recorder_records_holds() -> None:
    recorder = Recorder()
    with recorder.operation("parse", key="a"):
        recorder.access("k", "miss")
        recorder.access("k", "hit", "l1", 5, 0.1)
    recorder.add("resources", rss_bytes=5)
    recorder.frames.check()


def test_without_pandera_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandera.pandas", None)
    with pytest.raises(ConfigError, match=r"pandera, which is not installed; use pip install 'perflab\[check\]'\.$"):
        pandera_schema("accesses")


def test_words_are_those_that_the_code_uses() -> None:
    assert VOCABULARY["accesses", "event"] == ACCESS_EVENTS
    assert VOCABULARY["optimizations", "verdict"] == get_args(Verdict)
    assert VOCABULARY["samples", "purpose"] == get_args(Purpose)
    assert set(VOCABULARY["samples", "state"]) == set(get_args(State))
    assert VOCABULARY["targets", "verdict"] == get_args(TargetVerdict)
    assert set(VOCABULARY) <= {(column.frame, column.name) for column in SCHEMA}
