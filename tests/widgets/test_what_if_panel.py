from __future__ import annotations

from typing import Any

import pytest
from panels import reading, said, words

from perflab import Config, PerformanceSystem, Trace, whatif
from perflab.errors import ConfigError
from perflab.widgets import WhatIfPanel

KEYS = [key for number in range(60) for key in (number % 7, number % 3, number % 20)]


def press(panel: WhatIfPanel, name: str) -> None:
    boxes = [box for box in panel.widget.children if hasattr(box, "children")]
    next(part for box in boxes for part in box.children if getattr(part, "description", "") == name).click()


def test_the_figures_are_those_of_the_what_if() -> None:
    trace = Trace.of(KEYS)
    panel = WhatIfPanel(trace, target=0.5)
    panel.form.put("size_entries", "5")
    panel.form.put("policy", "sieve")
    assert panel.settle(60)
    rate = whatif(trace).hit_rate("sieve", 5)
    assert f"{rate * 100:.1f} %" in words(panel.shown)
    assert f"knee of lru {whatif(trace).curve('lru').knee()} entries" in words(panel.shown)


def test_the_recommendation_is_shown_and_the_controls_go_there() -> None:
    trace = Trace.of(KEYS * 10)
    panel = WhatIfPanel(trace, target=0.8)
    press(panel, "Recommend")
    assert panel.settle(60)
    found = whatif(trace).recommend("hit_rate", {"hit_rate": 0.8})
    assert found.setting is not None
    assert (panel.asked.policy, panel.asked.size) == (found.setting.policy, found.setting.size)
    assert str(found.setting.size) in words(panel.shown)


def test_the_knee_is_a_click_away() -> None:
    panel = WhatIfPanel(Trace.of(KEYS))
    press(panel, "Go to the knee")
    assert panel.asked.size == whatif(Trace.of(KEYS)).curve("lru").knee()


def test_values_that_live_shorter_have_a_curve_of_their_own() -> None:
    with reading() as system:
        panel = WhatIfPanel(system)
        panel.form.put("ttl_s", "0.001")
        assert panel.settle(60)
        assert "lru with TTL" in panel.shown


@pytest.mark.parametrize(
    ("name", "text"), [("size_entries", "0"), ("size_entries", "ten"), ("target", "1.5"), ("ttl_s", "-1")]
)
def test_what_is_not_allowed_is_told_and_the_chart_stays(name: str, text: str) -> None:
    panel = WhatIfPanel(Trace.of(KEYS))
    assert panel.settle(60)
    before = panel.asked
    panel.form.put(name, text)
    assert panel.form.messages[name]
    assert panel.asked == before


def test_a_run_and_a_what_if_can_be_asked_too() -> None:
    with reading() as system:
        for source in (system.run, whatif(system.trace())):
            panel = WhatIfPanel(source)
            assert panel.settle(60)
            assert "<svg" in panel.shown


def test_an_empty_trace_is_no_error() -> None:
    with PerformanceSystem() as system:
        panel = WhatIfPanel(system)
    assert "Nothing was read yet" in said(panel)
    press(panel, "Go to the knee")
    assert "there is no knee" in said(panel)


@pytest.mark.parametrize("source", [None, 7, "trace"])
def test_anything_else_is_refused(source: Any) -> None:
    with pytest.raises(ConfigError, match="give a trace, a WhatIf, a system or a run"):
        WhatIfPanel(source)


def test_a_long_trace_is_looked_at_in_part_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.widgets.prediction.MOST_ACCESSES", 100)
    panel = WhatIfPanel(Trace.of(KEYS))
    assert panel.settle(60)
    assert "Of 180 accesses the last 100 were looked at." in words(panel.shown)


def test_a_size_in_force_is_allowed_however_little_was_read() -> None:
    with PerformanceSystem(Config(enable_auto_optimization=False)) as system:
        for number in range(20):
            system.cache.get_or_load(number % 4, lambda: "value")
        panel = WhatIfPanel(system)
        panel.form.put("target", "0.5")
        assert panel.form.messages == {}
        assert panel.settle(60)
