"""The what-if plot says what its curves say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from perflab.analyze.curve import Curve
from perflab.present.theme import DARK, LIGHT, svg
from perflab.present.what_if import named_size, what_if, what_if_picture
from perflab.trace import Setting, Trace

TRACE = Trace.of([1, 2, 1])


def a_curve(policy, rates, how="simulated, each size by itself"):
    sizes = np.array([100, 1_000, 10_000, 100_000])
    nothing = np.zeros(4)
    return Curve(policy, "bytes", sizes, np.array(rates), nothing, nothing, how)


CURVES = [
    a_curve("lru", [0.1, 0.4, 0.6, 0.62], "exact, by stack distances"),
    a_curve("sieve", [0.2, 0.5, 0.61, 0.62]),
    a_curve("belady", [0.4, 0.6, 0.62, 0.62]),
]


def words(figure):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg(figure, "plot"))


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_lines_are_named_with_their_rate_at_the_current_size(palette):
    said = words(what_if(CURVES, TRACE, Setting("lru", 1_000), 0.55, palette=palette))
    assert {"at 1.00 kB", "lru 40.0 %", "sieve 50.0 %", "belady (foresees) 60.0 %", "target 55 %"} <= set(said)
    assert "now: lru, 1.00 kB" in said
    assert any(text.startswith("knee of lru: ") for text in said)
    assert any("lru: exact; sieve, belady: simulated." in text for text in said)


def test_names_do_not_lie_on_each_other():
    same = [a_curve(f"policy{number}", [0.1, 0.2, 0.3, 0.4]) for number in range(8)]
    figure = what_if(same, TRACE)
    heights = sorted(text.get_position()[1] for text in figure.axes[0].texts if text.get_text().startswith("policy"))
    assert np.diff(heights).min() > 0.04


def test_without_any_hit_it_says_so():
    figure = what_if([a_curve("lru", [0.0] * 4)], TRACE)
    assert any("no size of any policy has a hit in 3 accesses to 2 keys" in text for text in words(figure))


def test_the_picture_tells_what_it_shows():
    assert "a line for each of lru, sieve, belady" in what_if_picture(CURVES, TRACE).label


def test_sizes_as_text():
    assert [named_size(1, "entries"), named_size(2, "entries"), named_size(2_000, "bytes")] == [
        "1 entry",
        "2 entries",
        "2.00 kB",
    ]
