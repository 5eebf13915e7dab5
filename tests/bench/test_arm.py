"""Arms: what may be measured, and how it is named."""

from __future__ import annotations

import json

import pytest

from perflab.bench import Arm
from perflab.bench.arm import resolve
from perflab.bench.sample import calibrate, ready
from perflab.errors import BenchmarkError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "lukewarm"}, "state 'lukewarm'; allowed are any, cold, warm, incremental"),
        ({"clock": "sun"}, "clock 'sun'; allowed are wall, cpu"),
        ({"setup": "no_colon"}, "'no_colon'; write 'module:function'"),
    ],
)
def test_a_wrong_field_is_named(fields, message):
    with pytest.raises(BenchmarkError, match=message):
        Arm("baseline", "json:dumps", **fields)


def test_functions_are_found_by_name():
    assert resolve("json:dumps") is json.dumps
    assert resolve("json.decoder:JSONDecoder.decode") is json.JSONDecoder.decode
    assert resolve(len) is len


def test_setup_may_override_arguments_or_return_nothing():
    doubled = Arm("baseline", lambda n: n, {"n": 2}, setup=lambda n: {"n": 2 * n})
    assert ready(doubled)() == 4
    assert ready(Arm("baseline", lambda n: n, {"n": 2}, setup=lambda n: None))() == 2  # noqa: ARG005  # called by name


def test_a_cold_or_incremental_arm_runs_once_a_sample():
    calls = []
    for state in ("cold", "incremental"):
        assert calibrate(Arm("optimized", lambda: calls.append(1), state=state)) == 1
    assert calls == []


def test_a_fast_arm_runs_many_times_a_sample():
    assert calibrate(Arm("optimized", lambda: None, state="warm")) > 1000
