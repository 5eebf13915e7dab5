"""Target expressions: what parses, and what the error says of the rest."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.analyze.expression import UNITS, parse
from perflab.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "metric", "comparison", "bound", "unit"),
    [
        ("document_creation.time_reduction >= 50%", "document_creation.time_reduction", ">=", 0.5, "ratio"),
        ("cross_validation.time_reduction >= 47 %", "cross_validation.time_reduction", ">=", 0.47, "ratio"),
        ("cache.hit_rate > 0.90", "cache.hit_rate", ">", 0.9, ""),
        ("memory.peak < 150 MB", "memory.peak", "<", 150e6, "bytes"),
        ("memory.peak<150MiB", "memory.peak", "<", 150 * 1024**2, "bytes"),
        ("cache.access_time_p95 < 10 ms", "cache.access_time_p95", "<", 0.01, "s"),
        ("  concurrency.operations >= 8  ", "concurrency.operations", ">=", 8, ""),
        ("my_pair.warm.time <= 1.5e-3 s", "my_pair.warm.time", "<=", 0.0015, "s"),
    ],
)
def test_expressions_parse(text, metric, comparison, bound, unit):
    found = parse(text)
    assert (found.metric, found.comparison, found.bound, found.unit) == (metric, comparison, bound, unit)


@pytest.mark.parametrize(
    ("text", "position", "allowed"),
    [
        ("", 1, "a metric's name"),
        ("90% < cache.hit_rate", 1, "a metric's name"),
        ("cache.hit_rate", 15, "one of <=, >=, <, >"),
        ("cache.hit_rate == 0.9", 16, "one of <=, >=, <, >"),
        ("cache.hit_rate >", 17, "a number"),
        ("cache.hit_rate > high", 18, "a number"),
        ("cache.hit_rate > -1", 18, "a number"),
        ("memory.peak < 150 mb", 19, "MB"),
        ("memory.peak < 150 MB MB", 22, "nothing"),
        ("memory.peak < 1 MB; import os", 19, "nothing"),
    ],
)
def test_errors_have_the_position_and_what_is_allowed(text, position, allowed):
    with pytest.raises(ConfigError, match=f"at position {position};.*{allowed}"):
        parse(text)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text):
    with contextlib.suppress(ConfigError):
        assert parse(text).unit in {base for base, _ in UNITS.values()}


@pytest.mark.parametrize(
    ("text", "low", "high", "verdict"),
    [
        ("x < 10", 8, 9.9, "pass"),
        ("x < 10", 8, 10, "unclear"),
        ("x <= 10", 8, 10, "pass"),
        ("x < 10", 10, 12, "fail"),
        ("x > 10", 10.1, 12, "pass"),
        ("x > 10", 9, 12, "unclear"),
        ("x >= 10", 9, 9.9, "fail"),
        ("x >= 10", float("nan"), float("nan"), "unclear"),
        ("x < 10", float("nan"), float("nan"), "unclear"),
        ("x < 10", 9, float("nan"), "unclear"),
        ("x < 10", 10, float("nan"), "fail"),
        ("x <= 10", 10.5, float("nan"), "fail"),
        ("x > 10", 11, float("nan"), "pass"),
        ("x > 10", float("nan"), 9, "fail"),
        ("x < 10", float("nan"), 9, "pass"),
    ],
)
def test_the_verdict_is_on_the_bounds(text, low, high, verdict):
    assert parse(text).judge(low, high) == verdict


def test_a_bare_number_bounds_ratios_and_counts_alone():
    assert parse("x > 0.9").accepts("ratio")
    assert parse("x > 8").accepts("count")
    assert not parse("x > 8").accepts("s")
    assert not parse("x > 8%").accepts("count")
    assert parse("x > 8 ms").accepts("s")
