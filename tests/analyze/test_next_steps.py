"""Recommendations: each rests on rows that its own filter finds, and none is made without rows."""

from __future__ import annotations

import time
from typing import Any

import pandas as pd
import pytest

from perflab import Config, PerformanceSystem
from perflab.analyze.next_steps import HORIZONS, next_steps
from perflab.record import Recorder

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "parallel": {"workers": 1},
}


def frames_of(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, pd.DataFrame]:
    recorder = Recorder()
    for frame, values in rows:
        if frame == "accesses":
            recorder.access(**values)
        elif frame == "operations":
            recorder.record_operation(values["name"], values["duration_s"])
        else:
            recorder.add(frame, **values)
    return dict(recorder.frames)


def access(event: str, key: object = "k", tier: str | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
    return "accesses", {"key": key, "event": event, "tier": tier, **more}


@pytest.mark.parametrize(
    ("rows", "horizon", "priority", "words"),
    [
        ([access("miss"), access("evict", tier="l1", nbytes=9)] * 3, "immediate", "high", "system.optimize()"),
        ([("events", {"name": "memory_warning", "payload": "{}"})], "immediate", "high", "memory_pressure"),
        ([access("quarantine", tier="l3")], "immediate", "high", "another medium"),
        ([("optimizations", {"knob": "cache.l1_bytes", "verdict": "expired"})], "immediate", "medium", "read now"),
        ([access("hit", tier="l1"), access("expire", tier="l2", reason="ttl")], "short term", "medium", "live longer"),
        ([access("reject", tier="l1", reason="oversize")], "short term", "medium", "smaller values"),
        (
            [("optimizations", {"knob": "predictive_prefetching_enabled", "verdict": "rolled back"})],
            "short term",
            "medium",
            "prefetching off",
        ),
        ([("events", {"name": "cpu_warning", "payload": "{}"})], "short term", "medium", "fewer workers"),
        ([("operations", {"name": "process-file", "duration_s": 1.0})] * 3, "short term", "low", "workload"),
        ([access("miss", key=number) for number in range(9)], "long term", "medium", "Start warm"),
        (
            [access("miss"), access("miss"), ("optimizations", {"knob": "cache.l1_bytes", "verdict": "no change"})],
            "long term",
            "medium",
            "more than 1,000 bytes",
        ),
        ([access("load", key=n, duration_s=float(n)) for n in range(1, 31)], "long term", "low", "first that of '30'"),
    ],
)
def test_each_rests_on_the_rows_that_its_filter_finds(
    rows: list[tuple[str, dict[str, Any]]], horizon: str, priority: str, words: str
) -> None:
    frames = frames_of(rows)
    found = next_steps(frames, hit_rate=0.95, limit_bytes=1_000)
    (step,) = [step for step in found.itertuples() if words in step.recommendation]
    assert (step.horizon, step.priority) == (horizon, priority)
    assert step.rows == len(frames[step.frame].query(step.filter)) > 0
    assert "{" not in step.because


def test_nothing_recorded_recommends_nothing() -> None:
    found = next_steps(frames_of([]), hit_rate=0.95, limit_bytes=1_000)
    assert found.empty
    assert list(found.columns)[:2] == ["horizon", "priority"]


def test_a_cache_that_reaches_its_target_is_left_alone() -> None:
    rows = [access("miss"), access("evict", tier="l1"), *[access("hit", tier="l1")] * 30]
    assert next_steps(frames_of(rows), hit_rate=0.95, limit_bytes=1_000).empty


def test_a_system_recommends_what_is_most_urgent_first_and_every_row_can_be_looked_at() -> None:
    small = {"l1_bytes": 5_000, "l2_bytes": 5_000, "l3_enabled": False}
    with PerformanceSystem(Config(**QUIET, cache=small)) as system:
        for number in range(300):
            system.cache.get_or_load(number % 60, lambda: (time.sleep(1e-5), b"x" * 1_000)[1])
        with pytest.raises(ZeroDivisionError), system.operation("divide"):
            _ = 1 / 0
        found = system.recommendations()
        frames = dict(system.frames)
    places = found["horizon"].map(HORIZONS.index).tolist()
    assert places == sorted(places)
    assert set(found["horizon"]) >= {"immediate", "long term"}
    for step in found.itertuples():
        assert len(frames[str(step.frame)].query(str(step.filter))) == step.rows > 0
