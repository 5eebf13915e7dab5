"""Knobs that no trace tells: the workload runs under both values, in systems of its own, and what holds is applied."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import Any

import pytest

from perflab import Config
from perflab.optimize import prove
from perflab.optimize.work import KNOBS, improve_work, untried_work

CONFIG = Config(parallel={"workers": 1}, predictive_prefetching_enabled=False)


class Clock:
    """Wall time that only the workload passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.opened = self.cleared = 0
        monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "clock", lambda: self.now)
        monkeypatch.setitem(prove.prove_by_workload.__kwdefaults__, "collect", tuple)

    @contextmanager
    def arms(self, config: Config) -> Any:
        clock = self

        class System:
            def clear_caches(self) -> int:
                clock.cleared += 1
                return 0

        system = System()
        system.config = config
        self.opened += 1
        try:
            yield system
        finally:
            self.opened -= 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_what_is_faster_is_confirmed_applied_and_the_next_knob_is_tried_on_top(clock):
    applied: list[Config] = []

    def workload(system: Any) -> None:
        clock.now += 1.0 / system.config.workers + 4 / system.config.chunks.max_bytes

    tried = improve_work(CONFIG, workload, clock.arms, applied.append)
    found = {row["knob"]: (phase, row) for phase, row in tried}
    assert set(found) == {knob.path for knob in KNOBS}
    phase, row = found["parallel.workers"]
    assert (phase.name, phase.knobs, row["verdict"], row["old"]) == ("work", ("parallel.workers",), "confirmed", "1")
    assert row["measured"] == pytest.approx(row["predicted"])
    assert row["low"] <= row["measured"] <= row["high"] < row["before"]
    assert row["prediction"].startswith("estimated by 2 interleaved pairs")
    assert found["chunks.max_bytes"][1]["verdict"] in ("confirmed", "no change")
    assert found["predictive_prefetching_enabled"][1]["verdict"] == "no change"
    assert applied[0].workers > 1
    assert applied[-1].workers == applied[0].workers
    assert (clock.opened, clock.cleared > 0) == (0, True)


def test_nothing_is_changed_where_nothing_differs(clock):
    def workload(_: Any) -> None:
        clock.now += 1.0

    rows = [row for _, row in improve_work(CONFIG, workload, clock.arms, pytest.fail)]
    assert {row["verdict"] for row in rows} == {"no change"}
    assert all("2 pairs" in row["reason"] for row in rows)


@pytest.mark.parametrize("after", [0, 3, 20, 60])
def test_a_cancelled_run_applies_nothing_that_is_not_told(clock, after):
    asked = itertools.count()
    applied: list[Config] = []

    def workload(system: Any) -> None:
        clock.now += 1.0 / system.config.workers

    found = list(improve_work(CONFIG, workload, clock.arms, applied.append, cancelled=lambda: next(asked) >= after))
    assert len(applied) == sum(row["verdict"] == "confirmed" for _, row in found)
    assert clock.opened == 0


def test_a_workload_that_raises_is_the_callers_error_and_leaves_nothing_open(clock):
    def workload(_: Any) -> None:
        raise ValueError("a bad file")

    with pytest.raises(ValueError, match="a bad file"):
        list(improve_work(CONFIG, workload, clock.arms, pytest.fail))
    assert clock.opened == 0


def test_without_a_workload_it_is_said_that_no_trace_tells():
    rows = untried_work(CONFIG)
    assert [row["knob"] for row in rows] == ["parallel.workers", "chunks.max_bytes"]
    assert all(row["verdict"] == "not enough data" and row["prediction"].startswith("unavailable") for row in rows)
    assert all(row["old"] == row["new"] for row in rows)
