"""Memory, pressure and CPU readings, and the shares between two of them."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import psutil
import pytest

from perflab.host import (
    CpuTimes,
    Pressure,
    Reading,
    baseline_rss,
    cpu_times,
    footprint,
    peak_rss,
    pressure,
    read,
    shares,
)
from perflab.host import reset_peak as reset
from perflab.host.children import descendants
from perflab.host.traffic import disk_traffic, network_traffic

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
    assert reading.disk_read_bytes is None
    assert reading.net_sent_bytes is None


def family(proc, children):
    """Write a /proc in which each process has one thread, with these children."""
    for pid, below in children.items():
        folder = proc / str(pid) / "task" / str(pid)
        folder.mkdir(parents=True)
        (folder / "children").write_text("".join(f"{child} " for child in below))


def test_children_of_children_are_found_and_one_that_ended_has_none(tmp_path):
    family(tmp_path, {10: [11, 12], 11: [13], 13: [14], 14: []})
    assert sorted(descendants(10, proc=tmp_path)) == [11, 12, 13, 14]
    assert descendants(14, proc=tmp_path) == []


def test_children_agree_with_psutil(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in descendants()
        assert child.pid in descendants(proc=tmp_path), "found by psutil where the kernel does not list them"
        child.communicate(b"\n")


def test_a_child_that_ends_meanwhile_counts_nothing(tmp_path):
    family(tmp_path, {os.getpid(): [999_999]})
    reading = read(proc=tmp_path)
    assert reading.children_rss_bytes == 0
    assert reading.process_cpu_s > 0


def test_traffic_is_read_from_the_kernels_counters(tmp_path):
    (tmp_path / "self/net").mkdir(parents=True)
    (tmp_path / "self/io").write_text("rchar: 7\nread_bytes: 4096\nwrite_bytes: 512\ncancelled_write_bytes: 1\n")
    head = "Inter-| Receive | Transmit\n face |bytes packets | bytes\n"
    lines = "    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 100 1 0 0 0 0 0 0 20 1\neth1:5 1 0 0 0 0 0 0 6 1\n"
    (tmp_path / "self/net/dev").write_text(head + lines)
    assert disk_traffic(proc=tmp_path) == (4096, 512)
    assert network_traffic(proc=tmp_path) == (105, 26)
    (tmp_path / "self/net/dev").write_text(head + "eth0: many\n")
    assert network_traffic(proc=tmp_path) is None


def test_a_process_writes_what_it_is_told_to_have_written(tmp_path):
    before = disk_traffic()
    if before is None:
        pytest.skip("/proc/self/io is not readable here")
    with (tmp_path / "file").open("wb") as file:
        file.write(os.urandom(MIB))
        file.flush()
        os.fsync(file.fileno())
    written = disk_traffic().out - before.out
    if not written:
        pytest.skip("this file system is in memory")
    assert written >= MIB


def test_memory_that_is_shared_is_told_apart():
    found = footprint()
    if found is None:
        pytest.skip("/proc/self/smaps_rollup is not readable here")
    assert 0 < found.uss_bytes <= found.pss_bytes <= found.rss_bytes
    with mmap.mmap(-1, 8 * MIB) as block:  # not of the heap, which may have as much free
        block.write(os.urandom(8 * MIB))
        assert footprint().uss_bytes >= found.uss_bytes + 7 * MIB
    assert footprint("nobody") is None


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
