"""What becomes of issued keys: read in time, too late, failed, or never heard of."""

from __future__ import annotations

import pytest

from perflab.optimize.gate import Gate
from perflab.optimize.pending import Pending
from perflab.optimize.predict import Prediction


@pytest.fixture
def gate():
    return Gate(least=1)


def issued(gate, *keys, **bounds):
    pending = Pending(**bounds)
    for key in keys:
        pending.issue(Prediction(key, gate))
        pending.came(key, 100)
    return pending


def test_what_is_read_was_right_and_takes_no_room_any_more(gate):
    pending = issued(gate, "a", "b")
    pending.read("a")
    assert (gate.precision, pending.nbytes, "a" in pending, "b" in pending) == (1.0, 100, False, True)


def test_what_is_not_read_in_time_was_wrong(gate):
    pending = issued(gate, "a", patience=3)
    for number in range(3):
        assert "a" in pending
        pending.read(number)
    assert (gate.precision, pending.nbytes, len(pending)) == (0.0, 0, 0)


def test_past_the_bound_the_oldest_was_wrong(gate):
    pending = issued(gate, "a", "b", "c", most=2)
    assert (gate.precision, "a" in pending, len(pending)) == (0.0, False, 2)


def test_nothing_that_came_is_no_verdict(gate):
    pending = Pending()
    pending.issue(Prediction("a", gate))
    pending.came("a", 0)
    assert (gate.precision, len(pending)) == (None, 0)


def test_a_failed_fetch_was_wrong(gate):
    pending = Pending()
    pending.issue(Prediction("a", gate))
    pending.failed("a")
    assert gate.precision == 0.0


def test_reads_that_nobody_heard_leave_no_verdict(gate):
    pending = issued(gate, "a", "b")
    pending.lose()
    pending.read("a")
    assert (gate.precision, pending.nbytes) == (None, 0)


@pytest.mark.parametrize(("end", "is_open"), [(Pending.lose, False), (Pending.forget, True)])
def test_only_what_nobody_heard_of_counts_against_the_gate(end, is_open):
    gate = Gate(outcomes=2)
    end(issued(gate, "a", "b"))
    assert gate.open is is_open


def test_equal_keys_of_other_types_are_others(gate):
    pending = issued(gate, 1)
    pending.read(1.0)
    assert gate.precision is None
