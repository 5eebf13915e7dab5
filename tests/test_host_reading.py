"""Memory, pressure and CPU readings, and the shares between two of them."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import psutil
import pytest

from perflab.host import CpuTimes, Pressure, Reading, baseline_rss, cpu_times, peak_rss, pressure, read, shares
from perflab.host import reset_peak as reset

MIB = 1 << 20


def test_resident_memory_agrees_with_psutil():
    assert baseline_rss() == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)


def test_the_peak_keeps_what_is_gone_and_a_reset_forgets_it():
    if not reset():
        pytest.skip("/proc/self/clear_refs is not writable here")
    start = peak_rss()
    block = mmap.mmap(-1, 64 * MIB)
    block.write(b"x" * (64 * MIB))
    block.close()
    assert peak_rss() >= start + 60 * MIB
    assert reset()
    assert peak_rss() < start + 60 * MIB


def test_unreadable_proc_files_give_none(tmp_path):
    assert baseline_rss(proc=tmp_path) is None
    assert peak_rss(proc=tmp_path) is None
    assert not reset(proc=tmp_path)
    assert pressure(tmp_path) == Pressure(None, None, None)
    assert cpu_times(tmp_path) is None


def test_pressure_totals_are_seconds(tmp_path):
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure/cpu").write_text(
        "some avg10=1.42 avg60=1.39 avg300=0.51 total=9062100\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
    )
    (tmp_path / "pressure/io").write_text("some avg10=broken\n")
    assert pressure(tmp_path) == Pressure(cpu_s=9.0621, memory_s=None, io_s=None)


def test_cpu_times_add_up_the_states(tmp_path):
    tick = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text("cpu  100 10 50 800 20 3 7 10 5 0\ncpu0 1 2 3\n")
    assert cpu_times(tmp_path) == CpuTimes(1000 / tick, 180 / tick, 10 / tick)


def test_a_real_reading_has_every_value_that_this_host_tells():
    reading = read(clock=lambda: 7.0)
    assert reading.t_s == 7.0
    assert reading.rss_bytes > MIB
    assert reading.threads >= 1
    assert reading.host_cpu_s > reading.host_busy_s > 0


def test_child_processes_count():
    before = read()
    code = "x = bytearray(30_000_000); print('ready', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        during = read()
        child.communicate(b"\n")
    after = read()
    assert during.children_rss_bytes > (before.children_rss_bytes or 0) + 25_000_000
    assert after.process_cpu_s >= during.process_cpu_s >= before.process_cpu_s


def test_refused_answers_are_missing(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise psutil.AccessDenied(1)

    for name in ("children", "num_threads", "num_fds"):
        monkeypatch.setattr(psutil.Process, name, refuse)
    reading = read(proc=tmp_path)
    assert reading.rss_bytes is None
    assert reading.children_rss_bytes is None
    assert reading.process_cpu_s is None
    assert reading.threads is None
    assert reading.open_files is None


def test_a_child_that_ends_meanwhile_counts_nothing(monkeypatch):
    class Gone:
        def memory_info(self):
            raise psutil.NoSuchProcess(1)

        cpu_times = memory_info

    monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: [Gone()])
    reading = read()
    assert reading.children_rss_bytes == 0
    assert reading.process_cpu_s > 0


def test_shares_are_of_the_time_between():
    before = Reading(10.0, host_cpu_s=100, host_busy_s=40, steal_s=1, process_cpu_s=5, psi_cpu_s=1, psi_io_s=0)
    after = Reading(12.0, host_cpu_s=104, host_busy_s=43, steal_s=2, process_cpu_s=6, psi_cpu_s=1.5, psi_io_s=0)
    found = shares(before, after)
    assert (found.cpu_ratio, found.process_cpu_ratio, found.others_cpu_ratio) == (0.75, 0.25, 0.5)
    assert (found.steal_ratio, found.cpu_pressure_ratio, found.io_pressure_ratio) == (0.25, 0.25, 0.0)
    assert found.memory_pressure_ratio is None


def test_a_counter_that_went_back_is_missing():
    before = Reading(10.0, host_cpu_s=100, host_busy_s=40)
    assert shares(before, Reading(11.0, host_cpu_s=104, host_busy_s=39)).cpu_ratio is None
    assert shares(before, before).cpu_ratio is None
