"""Keeping workers, chunks and prefetching: slower operations take them back; other ones, or an hour, end the watch."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from operation_cases import mixed, operations

from perflab import Config
from perflab.errors import StoreError
from perflab.optimize.keep_work import FIRST_LOOK_S, LONGEST_S, KeptWork, Work
from perflab.optimize.result import attempt
from perflab.optimize.watch_work import MOST_LOOKED_AT

OLD = Config(max_parallel_operations=4, predictive_prefetching_enabled=False)
NEW = OLD.replace(parallel={"workers": 4}, chunks={"max_bytes": 2 * OLD.chunks.max_bytes})
NEW_PREFETCHING = NEW.replace(predictive_prefetching_enabled=True)
CLOSED = attempt(
    "predictive_prefetching_enabled",
    "rolled back",
    "of prefetched entries were 10 issued, 1 used.",
    old=False,
    new=True,
    metric="prefetch.precision",
    unit="ratio",
    measured=0.1,
    low=0.02,
    high=0.4,
)


class System:
    """What is seen of a system, on a clock of its own."""

    def __init__(self, new: Config = NEW) -> None:
        self.now = 1_000_000.0
        self.config = new
        self.all = operations(200, 1, until_s=self.now - 1)
        self.gate: dict[str, Any] | None = None
        self.disturbed = False
        work = Work(lambda: self.config, self.apply, self.operations, lambda: self.gate, lambda: self.disturbed)
        self.kept = KeptWork(work, lambda: self.now)
        self.before = self.kept.before()

    def apply(self, config: Config) -> None:
        self.config = config

    def operations(self, begun_s: float, ended_s: float) -> pd.DataFrame:
        begun = self.all["ended_s"] - self.all["duration_s"]
        return self.all[(begun >= begun_s) & (self.all["ended_s"] > ended_s)]

    def go_on(self, seconds: float, *parts: pd.DataFrame) -> list[dict[str, Any]]:
        """Let operations run in these seconds, evenly, and look then."""
        for part in parts:
            part["ended_s"] = self.now + seconds * (part["ended_s"] + 101) / 102
        self.now += seconds
        self.all = mixed(self.all, *parts)
        return self.kept.review()


@pytest.fixture
def system() -> System:
    """A system in which four workers and larger chunks were applied."""
    made = System()
    assert made.kept.begin(OLD, made.before) == []
    return made


def slower(count: int = 100, seed: int = 5, **other: Any) -> pd.DataFrame:
    return operations(count, seed, **{"scale": 0.015, **other})


def test_slower_operations_take_everything_back_that_was_applied_together(system):
    assert system.go_on(FIRST_LOOK_S, slower(seed=2)) == []
    assert system.config == NEW
    rows = system.go_on(FIRST_LOOK_S, slower(seed=3))
    assert system.config == OLD, "unset workers are unset again"
    assert system.kept.watching is None
    assert [(row["knob"], row["verdict"], row["phase"]) for row in rows] == [
        ("parallel.workers", "rolled back", "watch"),
        ("chunks.max_bytes", "rolled back", "watch"),
    ]
    row = rows[0]
    assert (row["old"], row["new"]) == ("4", str(OLD.workers))
    assert (row["metric"], row["unit"]) == ("parse.p50", "s")
    assert row["before"] == pytest.approx(0.015, rel=0.15)
    assert row["low"] < row["measured"] < row["high"] < row["before"]
    assert 0 <= row["noise_floor"] < 0.002
    assert "times as long as before" in row["reason"]


def test_it_is_looked_at_after_five_seconds_then_after_twice_as_long_and_so_on(system):
    looks = []
    for second in range(1, 100):
        system.now += 1.0
        if system.kept.due:
            looks.append(second)
        system.kept.review()
    assert looks == [5, 10, 20, 40, 80]


def test_operations_that_take_as_long_are_kept_and_watched_no_more(system):
    rows = system.go_on(FIRST_LOOK_S, operations(MOST_LOOKED_AT, 2))
    assert [row["verdict"] for row in rows] == ["kept", "kept"]
    assert (rows[0]["old"], rows[0]["new"]) == (str(OLD.workers), "4")
    assert rows[0]["low"] <= rows[0]["measured"] <= rows[0]["high"]
    assert (system.kept.watching, system.config) == (None, NEW)


def test_an_operation_is_judged_once_and_only_if_it_began_under_the_new_setting(system):
    old = slower(seed=2)
    old["duration_s"] = 1_000.0
    assert system.go_on(FIRST_LOOK_S, old) == []
    assert system.kept.watching.looked_at == 0
    system.go_on(FIRST_LOOK_S, slower(seed=3))
    assert system.go_on(2 * FIRST_LOOK_S) == []
    assert system.kept.watching.looked_at == 100
    assert system.config == NEW


def test_other_operations_expire_it(system):
    rows = system.go_on(FIRST_LOOK_S, slower(name="render"))
    assert [row["verdict"] for row in rows] == ["expired", "expired"]
    assert rows[0]["measured"] is None
    assert (system.kept.watching, system.config) == (None, NEW)


@pytest.mark.parametrize(("count", "verdict"), [(100, "kept"), (10, "expired")])
def test_an_hour_ends_it_whatever_was_seen(system, count, verdict):
    assert system.go_on(FIRST_LOOK_S, operations(count, 2)) == []
    looks = 0
    while system.kept.watching is not None:
        rows = system.go_on(max(1.0, system.kept._applied.next_s - system.now))
        looks += 1
    assert [row["verdict"] for row in rows] == [verdict, verdict]
    assert system.now == 1_000_000.0 + LONGEST_S
    assert looks < 15
    assert rows[0]["reason"].startswith(f"Its time is over after {count if count > 10 else 0} operations")


def test_what_runs_while_memory_is_relieved_says_nothing(system):
    system.disturbed = True
    assert system.go_on(FIRST_LOOK_S, slower(seed=2)) == []
    assert system.go_on(FIRST_LOOK_S, slower(seed=3)) == []
    assert (system.config, system.kept.watching.looked_at) == (NEW, 0)
    system.now += LONGEST_S
    assert [row["verdict"] for row in system.kept.review()] == ["expired", "expired"]


def test_after_another_setting_changed_it_is_watched_anew(system):
    system.go_on(FIRST_LOOK_S, slower(seed=2))
    assert system.kept.watching.suspects == {"parse"}
    system.config = system.config.replace(cache={"l1_policy": "sieve"})
    assert system.go_on(FIRST_LOOK_S, slower(seed=3)) == []
    assert system.kept.watching.suspects == frozenset()
    system.go_on(2 * FIRST_LOOK_S, slower(seed=4))
    rows = system.go_on(4 * FIRST_LOOK_S, slower(seed=5))
    assert {row["verdict"] for row in rows} == {"rolled back"}
    assert system.config == OLD.replace(cache={"l1_policy": "sieve"})


def test_what_somebody_set_otherwise_is_left_alone(system):
    system.config = NEW.replace(parallel={"workers": 2})
    assert system.go_on(FIRST_LOOK_S, slower()) == []
    assert (system.config.workers, system.kept.watching) == (2, None)


def test_too_few_operations_before_are_said_and_nothing_is_watched():
    system = System()
    rows = system.kept.begin(OLD, system.before.head(10))
    assert [(row["knob"], row["verdict"]) for row in rows] == [
        ("parallel.workers", "not enough data"),
        ("chunks.max_bytes", "not enough data"),
    ]
    assert system.kept.watching is None


def test_where_nothing_was_applied_an_earlier_watch_goes_on(system):
    watch = system.kept.watching
    assert system.kept.begin(NEW, system.before) == []
    assert system.kept.watching is watch


def test_a_closed_gate_takes_prefetching_back_and_the_rest_is_watched_on():
    system = System(NEW_PREFETCHING)
    system.kept.begin(OLD, system.before)
    assert system.go_on(FIRST_LOOK_S) == []
    system.gate = CLOSED
    (row,) = system.go_on(FIRST_LOOK_S)
    assert (row["knob"], row["verdict"], row["old"], row["new"], row["phase"]) == (
        "predictive_prefetching_enabled",
        "rolled back",
        "true",
        "false",
        "watch",
    )
    assert (row["metric"], row["before"]) == ("prefetch.precision", 0.1)
    assert "[0.02, 0.40]" in row["reason"]
    assert system.config == NEW
    system.go_on(10.0, slower(seed=2))
    rows = system.go_on(20.0, slower(seed=3))
    assert [row["knob"] for row in rows] == ["parallel.workers", "chunks.max_bytes"]
    assert system.config == OLD


@pytest.mark.parametrize("old", [OLD, NEW_PREFETCHING], ids=["of workers", "of prefetching that was switched off"])
def test_a_closed_gate_says_nothing(system, old):
    system.kept.begin(old, system.before)
    system.gate = CLOSED
    assert system.go_on(FIRST_LOOK_S) == []
    assert system.config == NEW


def test_prefetching_alone_ends_the_watch_with_its_gate():
    system = System(OLD.replace(predictive_prefetching_enabled=True))
    system.kept.begin(OLD, system.before)
    system.gate = CLOSED
    assert len(system.go_on(FIRST_LOOK_S)) == 1
    assert (system.config, system.kept.watching) == (OLD, None)


def test_a_setting_that_cannot_be_put_back_is_the_callers_error_once(system):
    def refuse(_: Config) -> None:
        raise StoreError("The disk is full.")

    system.kept._work = Work(lambda: system.config, refuse, system.operations)
    system.go_on(FIRST_LOOK_S, slower(seed=2))
    with pytest.raises(StoreError, match="full"):
        system.go_on(FIRST_LOOK_S, slower(seed=3))
    assert system.go_on(FIRST_LOOK_S, slower(seed=4)) == []
