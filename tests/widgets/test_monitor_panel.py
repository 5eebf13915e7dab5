from __future__ import annotations

import pytest
from panels import SMALL, read, reading, said, words

from perflab import PerformanceSystem
from perflab.widgets import Monitor


def watched(system: PerformanceSystem) -> Monitor:
    """Return a monitor that looks when it is told to, and not by itself."""
    monitor = Monitor(system, every_s=3_600)
    monitor.pause()
    monitor.stop_waiting(10)
    return monitor


def test_the_figures_are_counts_over_the_frames() -> None:
    with reading() as system:
        monitor = watched(system)
        monitor.look()
        counted = system.statistics()["cache"]
        assert f"hit rate {counted['hit_rate'] * 100:.1f} % of {counted['accesses']:,} accesses" in words(monitor.shown)
        read(system)
        monitor.look()
        counted = system.statistics()["cache"]
        assert f"hit rate {counted['hit_rate'] * 100:.1f} % of {counted['accesses']:,} accesses" in words(monitor.shown)


def test_hits_without_a_time_make_no_rate() -> None:
    with reading(SMALL.replace(record={"timestamps": "off"})) as system:
        monitor = watched(system)
        monitor.look()
        assert "hit rate unavailable hits have no time: record.timestamps" in words(monitor.shown)


def test_events_and_relief_are_listed() -> None:
    with reading() as system:
        system.optimize("memory_pressure")
        monitor = watched(system)
        monitor.look()
        assert "optimization_complete" in monitor.shown
        assert "tried: " in words(monitor.shown)
        assert "null" not in monitor.shown
        assert "Relief of memory, step by step" in monitor.shown


def test_it_draws_itself_until_it_is_paused_and_goes_on() -> None:
    with reading() as system:
        monitor = Monitor(system, every_s=3_600)
        assert monitor.is_on
        monitor.pause_button.click()
        assert not monitor.is_on
        assert said(monitor) == "Paused; the system records on."
        monitor.pause_button.click()
        assert monitor.is_on
        monitor.close()
        assert not monitor.is_on


def test_it_ends_with_its_system() -> None:
    with PerformanceSystem(SMALL) as system:
        monitor = watched(system)
    monitor.pause()
    monitor.stop_waiting(10)
    assert not monitor.is_on
    assert "The system is closed" in said(monitor)


def test_the_window_is_set_by_hand_and_nonsense_is_told() -> None:
    with reading() as system:
        monitor = watched(system)
        monitor.look()
        monitor.form.put("window_s", "10")
        assert "10 s" in monitor.shown
        monitor.form.put("window_s", "long")
        assert "is no number" in monitor.form.messages["window_s"]


def test_a_look_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("no chart")

    monkeypatch.setattr("perflab.widgets.monitor.cpu_chart", broken)
    with reading() as system:
        monitor = watched(system)
        assert "RuntimeError: no chart" in said(monitor) or said(monitor) == "Paused; the system records on."
        monitor.guarded(monitor.look)()
        assert said(monitor) == "✗ RuntimeError: no chart"


def test_a_newer_monitor_of_the_same_system_takes_over() -> None:
    with reading() as system, PerformanceSystem(SMALL) as other:
        first, elsewhere = Monitor(system, every_s=3_600), Monitor(other, every_s=3_600)
        second = Monitor(system, every_s=3_600)
        assert (first.is_on, second.is_on, elsewhere.is_on) == (False, True, True)
        assert said(first) == "Paused, as a newer monitor of this system draws."
        first.pause_button.click()
        assert (first.is_on, second.is_on) == (True, False)


def test_closing_a_panel_closes_all_that_is_in_it() -> None:
    with reading() as system:
        monitor = watched(system)
        monitor.close()
        assert monitor.is_closed
        assert monitor.form.comm is None
        assert monitor.status.comm is None
