from __future__ import annotations

from typing import Any

import pytest
from panels import reading, said, words

from perflab import PerformanceSystem
from perflab.errors import ConfigError
from perflab.present.verdicts import rows
from perflab.system import Run
from perflab.widgets import Targets


def test_every_target_is_a_card_with_its_verdict_in_words() -> None:
    with reading() as system:
        panel = Targets(system)
        assert panel.settle(60)
        found = rows(system.run.targets())
    assert panel.cards.html.count('class="card"') == len(found)
    for row in found:
        assert row.mark in words(panel.shown)


def test_a_card_leads_to_the_rows_behind_it() -> None:
    with reading() as system:
        panel = Targets(system)
        assert panel.settle(60)
        panel.cards.pick("cache.hit_rate > 90%")
        accesses = system.frames.select("accesses", event=("hit", "miss"))
        assert said(panel) == f"cache.hit_rate > 90%: The newest 200 of {len(accesses):,} rows."
        assert panel.shown.count('<tr><th scope="row"') == 200
        assert panel.cards.marked == ["cache.hit_rate > 90%"]


def test_the_rows_below_are_those_of_the_newest_judgement() -> None:
    with reading() as system:
        panel = Targets(system)
        assert panel.settle(60)
        panel.cards.pick("cache.hit_rate > 90%")
        before = len(system.frames.select("accesses", event=("hit", "miss")))
        assert f"of {before:,} rows" in words(panel.shown)
        for _ in range(3):
            system.cache.get_or_load("read-since", lambda: 1)
        panel.judge()
        assert panel.settle(60)
        assert f"of {before + 3:,} rows" in words(panel.shown)
        assert "read-since" in panel.shown
        assert f"of {before:,} rows" not in words(panel.shown)


def test_no_rows_stay_below_of_a_target_that_is_judged_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    with reading() as system:
        panel = Targets(system)
        assert panel.settle(60)
        panel.cards.pick("cache.hit_rate > 90%")
        kept = Run.targets
        monkeypatch.setattr(Run, "targets", lambda run: kept(run).query("expression != 'cache.hit_rate > 90%'"))
        panel.judge()
        assert panel.settle(60)
        assert "Rows of accesses" not in panel.shown


def test_a_target_without_rows_says_so() -> None:
    with PerformanceSystem() as system:
        panel = Targets(system)
        assert panel.settle(60)
        panel.cards.pick("concurrency.operations >= 8")
        assert "Nothing was recorded in operations" in words(panel.shown)


def test_hostile_keys_are_inert() -> None:
    with PerformanceSystem() as system:
        system.cache.get_or_load("<img src=x onerror=alert(1)>", lambda: 1)
        panel = Targets(system)
        assert panel.settle(60)
        panel.cards.pick("cache.hit_rate > 90%")
        assert "&lt;img src=x onerror=alert(1)&gt;" in panel.shown
        assert "<img" not in panel.shown


def test_what_is_picked_must_be_a_target() -> None:
    with reading() as system:
        panel = Targets(system)
        assert panel.settle(60)
        panel.cards.pick("<nonsense>")
        assert said(panel).startswith("✗")


@pytest.mark.parametrize("source", [None, 3])
def test_anything_else_is_refused(source: Any) -> None:
    with pytest.raises(ConfigError, match="give it a system or a run"):
        Targets(source)
