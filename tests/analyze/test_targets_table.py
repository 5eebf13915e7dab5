"""The table of targets, and what judging says of metrics."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from perflab.analyze.expression import parse
from perflab.analyze.metrics import Metric, metrics, table
from perflab.analyze.targets import (
    GUIDE_TARGETS,
    Target,
    config_targets,
    exit_code,
    judge,
    targets_for,
    user_targets,
)
from perflab.config import Config
from perflab.errors import ConfigError
from perflab.record import Recorder, columns

HIT_RATE = Target("cache.hit_rate > 90%", "ratio", "test", "hits")


def metric(name="cache.hit_rate", value=0.95, low=0.93, high=0.97, unit="ratio", how="measured"):
    return Metric(name, value, low, high, unit, how, "by hand", 10)


def verdict(*rows, target=HIT_RATE):
    return judge(table(rows), [target]).iloc[0]


@pytest.mark.parametrize("target", [*GUIDE_TARGETS, *config_targets(Config())], ids=lambda target: target.expression)
def test_every_target_parses_in_the_unit_of_its_metric(target):
    assert parse(target.expression).accepts(target.unit)
    known = metrics(Recorder().frames).set_index("name")
    assert known["unit"][target.name] == target.unit


def test_with_nothing_recorded_every_target_is_unavailable_and_fails():
    found = judge(metrics(Recorder().frames))
    assert set(found["verdict"]) == {"unavailable"}
    assert found["actual"].isna().all()
    assert found["how"].str.startswith("unavailable: ").all()
    assert found["how"].str.len().gt(len("unavailable: ")).all()
    assert exit_code(found["verdict"]) == 1


def test_a_metric_that_nothing_measures_is_unavailable():
    found = verdict()
    assert found["verdict"] == "unavailable"
    assert math.isnan(found["actual"])


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.91, 0.97, "pass"), (0.89, 0.97, "unclear"), (0.80, 0.90, "fail")]
)
def test_the_bounds_decide_and_not_the_value(low, high, expected):
    assert verdict(metric(value=0.95, low=low, high=high))["verdict"] == expected


def test_a_metric_without_bounds_is_unclear():
    assert verdict(metric(low=math.nan, high=math.nan))["verdict"] == "unclear"


def test_a_bound_in_another_unit_is_refused():
    with pytest.raises(ConfigError, match="measured in ratio"):
        verdict(metric(), target=Target("cache.hit_rate > 90 ms", "ratio", "test", "hits"))


def test_verdicts_have_the_columns_of_the_frame_and_can_be_recorded():
    found = judge(table([metric()]), [HIT_RATE])
    assert list(found.columns) == [column.name for column in columns("targets")][2:]
    recorder = Recorder()
    recorder.add("targets", **found.iloc[0].to_dict())
    assert recorder.frames.targets["verdict"][0] == "pass"
    assert recorder.frames.targets["how"][0] == "measured: by hand"


def test_targets_are_of_the_workloads_that_were_measured():
    both = ["document-creation", "cross-validation"]
    assert targets_for(both) == GUIDE_TARGETS == targets_for([*both, "my_function"])
    for kept, left_out in (both, both[::-1]):
        names = {target.name for target in targets_for([kept])}
        gone = {target.name for target in GUIDE_TARGETS} - names
        prefix = left_out.replace("-", "_")
        assert gone == {f"{prefix}.time", f"{prefix}.time_reduction"}
    assert targets_for([]) == targets_for(["my_function"]) == ()
    assert exit_code(judge(metrics(Recorder().frames), targets_for([]))["verdict"]) == 0


def test_meanings_say_what_is_measured():
    meanings = {target.name: target.meaning for target in GUIDE_TARGETS}
    assert "in flight at the same time" in meanings["concurrency.operations"]
    assert meanings["cache.hit_rate"].startswith("in warm runs, nine of ten")


def test_a_sampled_maximum_can_fail_and_never_passes():
    target = Target("memory.peak < 150 MB", "bytes", "test", "peak")
    for greatest, expected in ((160e6, "fail"), (100e6, "unclear")):
        row = metric("memory.peak", greatest, greatest, math.nan, "bytes")
        assert verdict(row, target=target)["verdict"] == expected


def test_a_config_sets_its_own_bounds():
    config = Config(cache_targets={"hit_rate": 0.9, "max_memory_bytes": "50MB", "max_response_time_s": 0.25})
    bounds = [parse(target.expression).bound for target in config_targets(config)]
    assert bounds == [0.9, 50e6, 0.25]


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["pass"], 0),
        ([], 0),
        (["pass", "unclear"], 3),
        (["unclear", "fail"], 1),
        (["pass", "unavailable"], 1),
    ],
)
def test_exit_codes(verdicts, code):
    assert exit_code(pd.Series(verdicts, dtype=str)) == code


def test_a_bound_of_the_users_own_takes_the_unit_of_its_metric_and_short_names():
    (hits, efficiency) = user_targets(["cache.hit_rate > 0.9", "parallel_efficiency > 70%"])
    rows = [metric(), metric("optimization.parallel_efficiency", 0.8, 0.75, 0.85)]
    found = judge(table(rows), [hits, efficiency])
    assert list(found["verdict"]) == ["pass", "pass"]
    assert list(found["unit"]) == ["ratio", "ratio"]
    assert judge(table([]), [hits])["verdict"].iloc[0] == "unavailable"
