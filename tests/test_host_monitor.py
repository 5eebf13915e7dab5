"""The monitor: rows, warnings on rising edges, missing values, start and stop."""

from __future__ import annotations

import gc
import os
import sys
import threading
import warnings

import pandas as pd
import pytest

from perflab.config import ResourceMonitoring
from perflab.events import Events
from perflab.host import Headroom, Monitor, Reading, Use, footprint
from perflab.host.memory import Footprint
from perflab.host.monitor import COST_RATIO, CREDIT_S, QUICK_S
from perflab.host.shared import SharedPages
from perflab.record import Recorder

MB = 1_000_000
TRAFFIC = ("disk_read_bytes", "disk_written_bytes", "net_received_bytes", "net_sent_bytes")
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
    assert seen[0] == ("memory", {"usage": 120 * MB, "threshold": 100 * MB, "share": 1.2, "of": "growth"})


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
    ticks = iter([1.0, 1.25, 1.5])
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
    before = set(threading.enumerate())
    monitor = monitor_of([], settings=SETTINGS.model_copy(update={"enabled": False}))
    monitor.start()
    assert set(threading.enumerate()) <= before


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


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_does_not_sample_and_waits_for_nothing():
    recorder, inside, go = Recorder(), threading.Event(), threading.Event()

    def reader(**_):
        inside.set()
        assert go.wait(60)
        return Reading(0.0)

    monitor = Monitor(recorder, Events(), SETTINGS, 0, reader=reader)
    monitor.start()
    assert inside.wait(60), "the parent's thread holds the monitor's lock"
    child = os.fork()
    if not child:
        monitor.start()
        with monitor._measuring:
            quiet = monitor.sample() is None and monitor.glance() is None and monitor._thread is None
        monitor.stop()
        silent = not any("Collector" in repr(callback) for callback in gc.callbacks)
        os._exit(0 if quiet and silent and recorder.frames.resources.empty else 1)
    _, status = os.waitpid(child, 0)
    go.set()
    monitor.stop()
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(recorder.frames.resources) == 1, "the parent's alone"


def filling(ratios, recorder, **rest):
    """A monitor whose growth is so much of 100 MB, and which has taken its first sample."""
    sizes = iter(ratios)

    def look(*_, **__):
        return Reading(0.0, rss_bytes=round(next(sizes) * 100 * MB))

    headroom = Headroom(100 * MB, bounds=dict)
    return Monitor(recorder, Events(), SETTINGS, 0, headroom=headroom, reader=look, glancer=look, **rest)


def test_memory_is_glanced_at_more_often_once_it_is_getting_full():
    recorder, now = Recorder(), [0.0]
    monitor = filling([0.69, 0.71, 0.72, 0.5], recorder, clock=lambda: now[0], cpu_clock=lambda: 0.0)
    pauses = []
    for _ in range(2):
        now[0] += monitor._pause_s()
        monitor._look()
        pauses.append(monitor._pause_s())
    assert pauses == [SETTINGS.interval_s, QUICK_S], "nothing to hurry for below 0.7"
    for _ in range(2):
        now[0] += monitor._pause_s()
        monitor._look()
        pauses.append(monitor._pause_s())
    assert pauses[2:] == [QUICK_S, pytest.approx(SETTINGS.interval_s - 2 * QUICK_S)]
    rows = recorder.frames.resources
    assert rows["memory_ratio"].tolist() == [0.69, 0.71, 0.72, 0.5]
    assert set(rows["memory_bound"]) == {"growth"}


def test_costly_samples_make_the_next_one_wait():
    costs, now = iter([0.0, 0.1, 0.1, 0.15, 0.2, 1.0, 1.0, 1.001]), [0.0]
    settings = ResourceMonitoring(interval_s=1)
    monitor = monitor_of(
        [reading(0), reading(1), reading(2)], settings=settings, cpu_clock=lambda: next(costs), clock=lambda: now[0]
    )
    monitor._look()
    assert monitor._pause_s() == pytest.approx(1.0), "what the first one imports delays nothing"
    now[0] += 1.0
    monitor._look()
    assert monitor._pause_s() == pytest.approx(0.1 / COST_RATIO - CREDIT_S)
    now[0] += monitor._pause_s()
    monitor._look()
    assert monitor._pause_s() == pytest.approx(1.0), "a cheap one comes with the interval"


def test_a_failing_sample_waits_too():
    def reader(**_):
        raise OSError("no host today")

    monitor = Monitor(Recorder(), Events(), SETTINGS, 0, reader=reader, clock=lambda: 5.0)
    with pytest.raises(OSError, match="no host today"):
        monitor._look()
    assert monitor._pause_s() == SETTINGS.interval_s


def test_a_hard_limit_warns_in_bytes_once(heard):
    events, seen = heard
    used = iter([0.85, 0.91, 0.95, 0.89, 0.92, 0.80, 0.91])

    class Full(Headroom):
        def fullest(self, *_):
            return Use("cgroup:/x", round(next(used) * 1_000), 1_000)

    monitor = Monitor(Recorder(), events, SETTINGS, 0, headroom=Full(), reader=lambda **_: Reading(0.0, rss_bytes=1))
    for _ in range(7):
        monitor.sample()
    first = {"usage": 910, "threshold": 900, "share": 910 / 900, "of": "cgroup:/x"}
    assert seen == [("memory", first), ("memory", first)]


def test_traffic_and_collections_are_those_between_two_samples():
    recorder = Recorder()
    readings = [
        Reading(0.0, disk_read_bytes=10, disk_written_bytes=5, net_received_bytes=100, net_sent_bytes=3),
        Reading(1.0, disk_read_bytes=30, disk_written_bytes=4, net_received_bytes=101),
    ]
    monitor = monitor_of(readings, recorder)
    monitor._collector.start()
    monitor.sample()
    for _ in range(3):
        gc.collect()
    monitor.sample()
    monitor.stop()
    first, second = recorder.frames.resources.to_dict("records")
    assert pd.isna([first[name] for name in (*TRAFFIC, "gc_collections", "gc_pause_s")]).all()
    assert (second["disk_read_bytes"], second["net_received_bytes"]) == (20, 1)
    assert pd.isna([second["disk_written_bytes"], second["net_sent_bytes"]]).all(), "went back, and not readable"
    assert second["gc_collections"] >= 3
    assert second["gc_pause_s"] > 0
    assert monitor._collector._told not in gc.callbacks


def test_what_children_share_is_looked_at_now_and_then_and_counted_once():
    sizes, now, looked = {7: Footprint(100, 30, 20), 8: Footprint(50, 50, 50)}, [0.0], []
    shared = SharedPages(look=lambda pid: looked.append(pid) or sizes.get(pid), clock=lambda: now[0])
    assert [shared.of([7, 8]), shared.of([7, 8]), shared.of([8, 9])] == [80, 80, 0]
    assert looked == [7, 8, 9]
    now[0] = 30.0
    sizes[8] = Footprint(50, 10, 5)
    assert shared.of([8]) == 45
    assert shared.of([8, 7], known=True) == 45


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_that_did_nothing_is_no_growth():
    if footprint() is None:
        pytest.skip("/proc/self/smaps_rollup is not readable here")
    ballast = b"x" * (100 * MB)
    recorder = Recorder()
    monitor = Monitor(recorder, Events(), ResourceMonitoring(memory_threshold_bytes="1GB"))
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.close(reader)
    monitor.sample()
    monitor.glance()
    os.close(writer)
    os.waitpid(child, 0)
    rows = recorder.frames.resources
    assert len(ballast) == 100 * MB
    assert (rows["children_rss_bytes"] > 0).all()
    assert (rows["growth_bytes"] < 60 * MB).all()


def test_watchers_hear_every_sample_and_glance():
    recorder, heard = Recorder(), []
    monitor = filling([0.2, 0.8], recorder)
    monitor.watch(lambda sample: heard.append(sample.memory_ratio))
    monitor.sample()
    monitor.glance()
    assert heard == [0.2, 0.8]


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
