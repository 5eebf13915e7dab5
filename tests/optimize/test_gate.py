"""The precision gate: off below, on above, probing in between."""

from __future__ import annotations

from perflab.optimize.gate import Gate


def outcomes(gate, right, wrong):
    for number in range(right):
        gate.issue(("right", number))
        gate.use(("right", number))
    for number in range(wrong):
        gate.issue(("wrong", number))
    for _ in range(gate._patience + 1):
        gate.use("other")


def test_it_stays_open_until_there_is_enough_to_judge():
    gate = Gate(least=32, patience=3)
    outcomes(gate, 0, 31)
    assert gate.open
    outcomes(gate, 0, 1)
    assert not gate.open


def test_it_closes_below_a_fifth_and_opens_above_a_third():
    gate = Gate(least=10, patience=3, outcomes=100)
    outcomes(gate, 20, 80)
    assert (gate.precision, gate.open) == (0.2, True)
    outcomes(gate, 0, 10)
    assert not gate.open
    outcomes(gate, 30, 70)
    assert (gate.precision, gate.open) == (0.3, False)
    outcomes(gate, 40, 0)
    assert gate.precision > 0.35
    assert gate.open


def test_closed_it_lets_one_in_32_through():
    gate = Gate(least=1, patience=0)
    outcomes(gate, 0, 1)
    assert sum(gate.allows() for _ in range(320)) == 10


def test_what_is_forgotten_counts_as_wrong():
    gate = Gate(least=1, table=4)
    for key in range(5):
        gate.issue(key)
    assert (gate.issued, gate.used, gate.wrong, gate.precision) == (5, 0, 1, 0.0)
    assert not gate.use(0)
    assert gate.use(4)
