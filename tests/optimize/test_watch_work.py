"""Watching operations: slower twice is a regression, another mix expires it, enough of the same ends it."""

from __future__ import annotations

import pytest
from operation_cases import mixed, operations

from perflab.optimize.drift import RECENT
from perflab.optimize.watch_work import MOST_LOOKED_AT, WorkWatch


def watch_of(*before, band_ratio=0.03):
    watch = WorkWatch.of(mixed(*before), band_ratio)
    assert watch is not None
    return watch


def looked(watch, *batches):
    """What the last look found; the ones before it waited."""
    for number, batch in enumerate(batches, 1):
        found = watch.look(batch)
        assert found.verdict == "waiting" or number == len(batches)
        watch = found.watch
    return found


def test_slower_in_two_looks_in_a_row_is_a_regression_with_its_interval():
    found = looked(watch_of(operations(200, 1)), *(operations(80, seed, scale=0.015) for seed in (2, 3)))
    assert found.verdict == "regressed"
    assert 0.03 < found.slowest.low < 0.5 < found.slowest.high
    assert found.reason.startswith("'parse' takes 1.")


def test_one_slow_stretch_is_none():
    slow, usual = operations(80, 2, scale=0.015), operations(80, 3)
    found = looked(watch_of(operations(200, 1)), slow, usual, slow)
    assert (found.verdict, found.watch.suspects) == ("waiting", {"parse"})


def test_each_name_is_held_against_itself():
    """Of twice as many slow operations none has got slower; and one that has is found among many that have not."""
    short, long = operations(150, 1), operations(50, 2, scale=0.1, name="index")
    watch = watch_of(short, long)
    other_mix = [mixed(operations(50, seed), operations(150, seed, scale=0.1, name="index")) for seed in (3, 4, 5)]
    assert looked(watch, *other_mix).watch.suspects == frozenset()
    one_slower = [mixed(operations(150, seed), operations(50, seed, scale=0.2, name="index")) for seed in (6, 7)]
    assert looked(watch, *one_slower).slowest.operation == "index"


def test_enough_operations_that_take_as_long_end_the_watch():
    watch = watch_of(operations(200, 1))
    assert looked(watch, operations(400, 2), operations(MOST_LOOKED_AT - 400, 3)).verdict == "held"
    assert looked(watch, operations(MOST_LOOKED_AT, 2, scale=0.02)).verdict == "waiting", "it is suspect"


def test_other_operations_expire_it_however_long_they_take():
    watch = watch_of(operations(100, 1), operations(30, 2, name="rare"))
    found = looked(watch, mixed(operations(30, 3, scale=1.0), operations(60, 4, name="render")))
    assert found.verdict == "expired"
    assert "33% of the operations since" in found.reason
    assert "77% before" in found.reason


@pytest.mark.parametrize("since", [operations(0, 1), operations(RECENT - 1, 1, scale=1.0)])
def test_too_few_operations_are_waited_for_and_judged_with_those_that_come(since):
    watch = watch_of(operations(200, 1))
    assert looked(watch, since).watch is watch


def test_without_enough_operations_before_there_is_nothing_to_hold_against():
    assert WorkWatch.of(mixed(operations(RECENT - 1, 1), operations(RECENT - 1, 2, name="index")), 0.03) is None
    assert WorkWatch.of(operations(0, 1), 0.03) is None


def test_what_got_slower_by_itself_before_has_to_get_slower_by_more():
    rising = mixed(operations(100, 1, until_s=-200), operations(100, 2, scale=0.014))
    watch = watch_of(rising)
    assert watch.noise_ratio("parse") == pytest.approx(0.4, abs=0.12)
    assert looked(watch, *(operations(200, seed, scale=0.015) for seed in (3, 4))).verdict == "waiting"
    assert looked(watch, *(operations(200, seed, scale=0.025) for seed in (3, 4))).verdict == "regressed"


def test_operations_that_take_as_long_are_seldom_taken_for_slower():
    """Five looks each, of several names."""
    names = ("parse", "index", "render")

    def regresses(trial):
        watch = watch_of(*(operations(100, 100 * trial, name=name) for name in names), band_ratio=0.0)
        for look in range(1, 6):
            found = watch.look(mixed(*(operations(100, 100 * trial + look, name=name) for name in names)))
            if found.verdict == "regressed":
                return True
            watch = found.watch
        return False

    assert sum(map(regresses, range(100))) <= 2


def test_a_true_slowdown_is_mostly_found():
    def regresses(trial):
        watch = watch_of(operations(200, 10 * trial))
        for look in range(1, 5):
            found = watch.look(operations(150, 10 * trial + look, scale=0.0125))
            if found.verdict == "regressed":
                return True
            watch = found.watch
        return False

    assert sum(map(regresses, range(50))) >= 40
