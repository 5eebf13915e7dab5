"""The monitor: rows, warnings on rising edges, missing values, start and stop."""

from __future__ import annotations

import os
import sys
import threading
import warnings

import pytest

from perflab.config import ResourceMonitoring
from perflab.events import Events
from perflab.host import Monitor, Reading
from perflab.record import Recorder

MB = 1_000_000
SETTINGS = ResourceMonitoring(interval_s=3600, memory_threshold_bytes=100 * MB, cpu_threshold_ratio=0.5)


def reading(t, rss=0, busy=None, **rest):
    return Reading(float(t), rss_bytes=rss, host_cpu_s=2.0 * t, host_busy_s=busy, **rest)


def monitor_of(readings, recorder=None, events=None, settings=SETTINGS, **rest):
    each = iter(readings)
    return Monitor(recorder or Recorder(), events or Events(), settings, 0, reader=lambda **_: next(each), **rest)


@pytest.fixture
def heard():
    events = Events()
    seen = []
    events.on("memory_warning", lambda data: seen.append(("memory", dict(data))))
    events.on("cpu_warning", lambda data: seen.append(("cpu", dict(data))))
    return events, seen


def test_the_first_sample_has_no_cpu_share_and_the_second_has():
    recorder = Recorder()
    monitor = monitor_of([reading(0, busy=0.0), reading(10, busy=5.0)], recorder)
    monitor.sample()
    monitor.sample()
    frame = recorder.frames.resources
    assert frame["cpu_ratio"].isna().tolist() == [True, False]
    assert frame["cpu_ratio"].iloc[1] == 0.25


def test_growth_is_above_the_baseline_with_children():
    recorder = Recorder()
    monitor = Monitor(
        recorder,
        Events(),
        SETTINGS,
        30,
        reader=lambda **_: Reading(0.0, rss_bytes=100, children_rss_bytes=7, threads=3),
    )
    monitor.sample()
    row = recorder.frames.resources.iloc[0]
    assert (row["growth_bytes"], row["baseline_bytes"], row["threads"]) == (77, 30, 3)


def test_a_memory_warning_comes_once_until_memory_has_clearly_fallen(heard):
    events, seen = heard
    levels = [90, 120, 130, 95, 120, 80, 101]
    monitor = monitor_of([reading(t, rss=level * MB) for t, level in enumerate(levels)], events=events)
    counts = []
    for _ in levels:
        monitor.sample()
        counts.append(len(seen))
    assert counts == [0, 1, 1, 1, 1, 1, 2]
    assert seen[0] == ("memory", {"usage": 120 * MB, "threshold": 100 * MB, "share": 1.2})


def test_a_cpu_warning_needs_a_measured_share(heard):
    events, seen = heard
    monitor = monitor_of([reading(0, busy=0.0), reading(10, busy=16.0)], events=events)
    monitor.sample()
    assert seen == []
    monitor.sample()
    assert seen == [("cpu", {"usage": 0.8, "threshold": 0.5, "share": 1.6})]


def test_an_unreadable_host_gives_missing_values(heard):
    events, seen = heard
    recorder = Recorder()
    monitor = monitor_of([Reading(0.0), Reading(1.0)], recorder, events)
    monitor.sample()
    monitor.sample()
    row = recorder.frames.resources.iloc[1]
    assert row[["rss_bytes", "growth_bytes", "cpu_ratio", "io_pressure_ratio", "open_files"]].isna().all()
    assert seen == []


def test_the_cost_of_a_sample_is_recorded():
    recorder = Recorder()
    ticks = iter([1.0, 1.25])
    monitor_of([reading(0)], recorder, cpu_clock=lambda: next(ticks)).sample()
    assert recorder.frames.resources["cost_s"].tolist() == [0.25]


def test_a_real_sample_has_memory():
    recorder = Recorder()
    monitor = Monitor(recorder, Events(), SETTINGS)
    monitor.sample()
    row = recorder.frames.resources.iloc[0]
    assert row["rss_bytes"] > MB
    assert row["limit_bytes"] > MB


def test_the_thread_samples_until_it_is_stopped_and_leaves_nothing():
    enough = threading.Event()
    taken = []

    def reader(**_):
        taken.append(1)
        if len(taken) >= 3:
            enough.set()
        return Reading(float(len(taken)))

    recorder = Recorder()
    before = set(threading.enumerate())
    monitor = Monitor(recorder, Events(), SETTINGS.model_copy(update={"interval_s": 0.001}), 0, reader=reader)
    monitor.start()
    monitor.start()
    assert len(set(threading.enumerate()) - before) == 1
    assert enough.wait(60)
    monitor.stop()
    monitor.stop()
    assert set(threading.enumerate()) <= before
    assert len(recorder.frames.resources) == len(taken)


def test_it_can_be_started_again():
    sampled = threading.Event()

    def reader(**_):
        sampled.set()
        return Reading(0.0)

    monitor = Monitor(Recorder(), Events(), SETTINGS, 0, reader=reader)
    for _ in range(2):
        with monitor:
            assert sampled.wait(60)
        sampled.clear()


def test_switched_off_it_starts_no_thread():
    before = threading.active_count()
    monitor = monitor_of([], settings=SETTINGS.model_copy(update={"enabled": False}))
    monitor.start()
    assert threading.active_count() == before


def test_a_failing_sample_is_one_warning_and_sampling_goes_on():
    calls = []
    enough = threading.Event()

    def reader(**_):
        calls.append(1)
        if len(calls) >= 4:
            enough.set()
        raise RuntimeError("no host today")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        settings = SETTINGS.model_copy(update={"interval_s": 0.001})
        with Monitor(Recorder(), Events(), settings, 0, reader=reader):
            assert enough.wait(60)
    assert [str(w.message) for w in caught if "sampling goes on" in str(w.message)] == [
        "A resource sample failed: RuntimeError('no host today'); sampling goes on."
    ]


def test_a_forked_process_does_not_sample():
    recorder = Recorder()
    monitor = monitor_of([reading(0)], recorder)
    monitor._pid = os.getpid() + 1
    monitor.start()
    assert monitor.sample() is None
    assert recorder.frames.resources.empty
    assert monitor._thread is None


def test_perflabs_own_imports_join_the_baseline_and_a_listener_may_look(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter([100, 100, 160])
    monkeypatch.setattr("perflab.host.monitor.baseline_rss", lambda: next(sizes))
    monkeypatch.setitem(sys.modules, "this", sys)
    recorder = Recorder()
    events = Events(recorder.add)
    settings = ResourceMonitoring(memory_threshold_bytes=1)
    monitor = Monitor(recorder, events, settings, reader=lambda clock: Reading(clock(), rss_bytes=400))
    events.on("memory_warning", lambda _: monitor.load("this"))
    monitor.sample()
    assert monitor.baseline_bytes == 100
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monitor.load("colorsys")
    assert monitor.baseline_bytes == 160
