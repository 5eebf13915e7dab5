"""Association and stride together, each behind its own gate."""

from __future__ import annotations

from perflab.optimize.gate import Gate
from perflab.optimize.predict import Predictor


def test_a_gate_that_closed_silences_its_own_predictor_alone():
    closed, open_ = Gate(least=1), Gate()
    closed.judge(False)
    predictor = Predictor(gates=(open_, closed))
    for turn in range(3):
        for key in ("alpha", "beta", *(f"other{letter}{turn}x" for letter in "abcdefghijklmnopqrst")):
            predictor.take("main", key)
    assert [found.key for found in predictor.take("main", "alpha")] == ["beta"]
    assert [predictor.take("main", number) for number in range(5)][-1] == []
    assert not predictor.open, "association has no outcome yet"
    open_.judge(True)
    assert predictor.open


def test_each_prediction_names_its_gate():
    predictor = Predictor()
    for number in range(3):
        found = predictor.take("main", number)
    assert {id(prediction.gate) for prediction in found} == {id(predictor.stride_gate)}


def test_after_an_interruption_what_comes_is_no_neighbour():
    predictor = Predictor()
    for _ in range(4):
        predictor.take("main", "alpha")
        predictor.interrupt("main")
        predictor.take("main", "beta")
        predictor.interrupt("main")
    assert predictor.take("main", "alpha") == []
