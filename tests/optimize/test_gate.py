"""The precision gate: off below, on above, probing in between."""

from __future__ import annotations

from perflab.optimize.gate import Gate


def outcomes(gate, right, wrong):
    for verdict in (*[True] * right, *[False] * wrong):
        gate.judge(verdict)


def test_it_stays_open_until_there_is_enough_to_judge():
    gate = Gate(least=32)
    outcomes(gate, 0, 31)
    assert gate.open
    outcomes(gate, 0, 1)
    assert not gate.open


def test_it_closes_below_a_fifth_and_opens_above_a_third():
    gate = Gate(least=100, outcomes=100)
    outcomes(gate, 20, 80)
    assert (gate.precision, gate.open) == (0.2, True)
    outcomes(gate, 0, 1)
    assert (gate.precision, gate.open) == (0.19, False)
    outcomes(gate, 35, 65)
    assert (gate.precision, gate.open) == (0.35, False)
    outcomes(gate, 36, 0)
    assert gate.precision == 0.36
    assert gate.open


def test_closed_it_lets_one_in_32_through():
    gate = Gate(least=1)
    outcomes(gate, 0, 1)
    assert sum(gate.allows() for _ in range(320)) == 10


def test_open_it_lets_all_through():
    gate = Gate()
    assert gate.precision is None
    assert all(gate.allows() for _ in range(100))


def test_it_closes_once_nobody_has_heard_of_so_many_in_a_row_and_opens_by_verdicts():
    gate = Gate(least=4, outcomes=8)
    outcomes(gate, 2, 0)
    for _ in range(7):
        gate.unheard()
    assert gate.open
    gate.judge(True)
    for _ in range(7):
        gate.unheard()
    assert gate.open, "a verdict begins the row anew"
    gate.unheard()
    assert not gate.open
    outcomes(gate, 1, 0)
    assert gate.open


def test_it_looks_further_ahead_while_a_quarter_comes_late():
    gate = Gate(least=4)
    assert gate.reach(8, 8, 64) == 8
    for late in (True, True, False, False):
        gate.judge(True, late=late)
    assert (gate.reach(8, 8, 64), gate.reach(16, 8, 64)) == (16, 16), "of the new distance nothing is known yet"
    for _ in range(4):
        gate.overtaken()
    assert gate.reach(48, 8, 64) == 64


def test_it_looks_less_far_ahead_while_a_third_is_wrong():
    gate = Gate(least=4)
    outcomes(gate, 6, 4)
    assert [gate.reach(far, 8, 64) for far in (64, 10, 8)] == [32, 8, 8]
