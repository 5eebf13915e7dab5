"""Memory and CPU bounds, held against written-out cgroup trees of both versions."""

from __future__ import annotations

import os
import resource

import pytest

from perflab.host import Headroom, facts, memory_bounds, memory_limit, usable_cores
from perflab.host.headroom import uses

MIB = 1 << 20


@pytest.fixture
def tree(tmp_path):
    """A fake /proc and cgroup mounts; returns a function that writes files below tmp_path."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("{tmp}", str(tmp_path)))
        return tmp_path / "proc"

    return write


def cgroups(bounds, root):
    prefix = f"cgroup:{root}/"
    return {name.removeprefix(prefix): value for name, value in bounds.items() if name.startswith(prefix)}


V2 = {
    "proc/self/cgroup": "0::/a/b\n",
    "proc/self/mountinfo": "41 31 0:38 / {tmp}/cg rw,relatime - cgroup2 cgroup2 rw\n",
    "cg/a/b/memory.max": "max\n",
    "cg/a/memory.max": f"{300 * MIB}\n",
}


def test_an_ancestor_of_version_2_bounds(tree, tmp_path):
    proc = tree(V2)
    assert cgroups(memory_bounds(proc), tmp_path / "cg") == {"a": 300 * MIB}
    assert memory_limit(proc) == 300 * MIB


def test_the_smallest_of_all_ancestors_of_version_1_bounds(tree, tmp_path):
    proc = tree(
        {
            "proc/self/cgroup": "4:memory:/a/b\n1:cpu,cpuacct:/\n",
            "proc/self/mountinfo": (
                "35 31 0:32 / {tmp}/mem rw - cgroup cgroup rw,memory\n"
                "36 31 0:33 / {tmp}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
            ),
            "mem/a/b/memory.limit_in_bytes": f"{500 * MIB}\n",
            "mem/a/memory.limit_in_bytes": f"{200 * MIB}\n",
            "mem/memory.limit_in_bytes": "9223372036854771712\n",
            "cpu/memory.limit_in_bytes": "1\n",
        }
    )
    assert cgroups(memory_bounds(proc), tmp_path / "mem") == {"a/b": 500 * MIB, "a": 200 * MIB}
    assert memory_limit(proc) == 200 * MIB


def test_in_a_container_the_mount_itself_is_the_group(tree):
    proc = tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": "41 31 0:38 /docker/x {tmp}/with\\040space rw - cgroup2 cgroup2 rw\n",
            "with space/memory.max": f"{64 * MIB}\n",
        }
    )
    assert memory_limit(proc) == 64 * MIB


def test_unreadable_files_leave_ram(tmp_path):
    bounds = memory_bounds(tmp_path / "nowhere")
    assert bounds["ram"] == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert not [name for name in bounds if name.startswith("cgroup")]


def test_garbage_is_no_bound(tree):
    proc = tree({**V2, "cg/a/memory.max": "many\n", "proc/self/mountinfo": "x\n\n41 - cgroup2\n"})
    assert not [name for name in memory_bounds(proc) if name.startswith("cgroup")]


def test_an_rlimit_bounds(monkeypatch, tmp_path):
    limits = {resource.RLIMIT_AS: 123 * MIB, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (limits[which], resource.RLIM_INFINITY))
    bounds = memory_bounds(tmp_path)
    assert bounds["RLIMIT_AS"] == 123 * MIB
    assert "RLIMIT_DATA" not in bounds


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cg/a/cpu.max": "50000 100000\n"}, 0.5),
        ({"cg/a/cpu.max": "max 100000\n"}, None),
        ({"cg/a/b/cpu.cfs_quota_us": "-1\n", "cg/a/b/cpu.cfs_period_us": "100000\n"}, None),
        ({"cg/a/b/cpu.cfs_quota_us": "25000\n", "cg/a/b/cpu.cfs_period_us": "100000\n"}, 0.25),
    ],
)
def test_a_cpu_quota_of_an_ancestor_bounds_the_cores(tree, files, cores):
    everywhere = float(len(os.sched_getaffinity(0)))
    assert usable_cores(tree({**V2, **files})) == (everywhere if cores is None else cores)


def test_facts_name_where_the_limit_comes_from(tree, tmp_path):
    proc = tree({**V2, "proc/cpuinfo": "processor: 0\nmodel name\t: Slow 9000\n"})
    found = facts(proc)
    assert found["cpu"] == "Slow 9000"
    assert found["memory_limit_bytes"] == 300 * MIB
    assert found["memory_limit_from"] == f"cgroup:{tmp_path}/cg/a"
    assert found["pressure_readable"] is False
    assert found["packages"]["numpy"]


def group(folder, **files):
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return f"cgroup:{folder}"


def test_a_groups_use_leaves_out_file_pages_that_can_be_dropped(tmp_path):
    new = group(tmp_path / "v2", memory__current="800\n", memory__stat="anon 500\ninactive_file 200\n")
    old = group(
        tmp_path / "v1",
        memory__usage_in_bytes="700\n",
        memory__stat="inactive_file 1\ntotal_inactive_file 100\n",
    )
    silent = group(tmp_path / "none")
    found = uses({new: 1_000, old: 1_000, silent: 1_000}, None)
    assert {use.of: use.used_bytes for use in found} == {new: 600, old: 600}
    assert [use.ratio for use in found] == [0.6, 0.6]


def test_ram_and_rlimits_are_used_by_this_process():
    held = bytearray(64 * MIB)  # mapped, and hardly resident
    found = {use.of: use.used_bytes for use in uses({"ram": 1, "RLIMIT_AS": 1, "RLIMIT_DATA": 1}, 5)}
    assert found["ram"] == 5
    assert found["RLIMIT_AS"] > found["RLIMIT_DATA"] > len(held)


def test_the_fullest_bound_counts_and_bounds_are_looked_for_now_and_then(tmp_path):
    limited = group(tmp_path / "g", memory__current="80\n")
    looked, now = [], [0.0]

    def bounds():
        looked.append(now[0])
        return {limited: 100}

    headroom = Headroom(1_000, bounds=bounds, clock=lambda: now[0])
    assert headroom.fullest(790).of == limited
    assert headroom.fullest(810).of == "growth"
    assert headroom.fullest(None).of == limited
    assert headroom.limit_bytes == 100
    now[0] = 10.0
    headroom.fullest(0)
    assert looked == [0.0, 10.0]
