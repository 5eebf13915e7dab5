"""Keys of any kind and clocks that are set: recorded, kept in the run folder, shown, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import perflab
from perflab import Config, PerformanceSystem
from perflab.parallel import Workers

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "parallel": {"workers": 1},
}
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


class Unprintable:
    """A key whose text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class NoText:
    """A key whose text is none."""

    def __repr__(self) -> str:
        return None  # type: ignore[return-value]  # that is what is wrong with it


KEYS: list[Any] = [
    float("nan"),
    "x" * 2_000_000,
    b"y" * 2_000_000,
    "lone \ud800 surrogate",
    "nul \0 and escape \x1b[31m and bidi \u202e and\nnewline",
    "",
    None,
    (1,),
    (1.0,),
    True,
    1,
    frozenset({1, "a"}),
    ("nested", (float("nan"), None)),
    2**2000,
    "=HYPERLINK(1)",
    "<script>alert(1)</script>",
    Unprintable(),
    NoText(),
    len,
]


def use(system: PerformanceSystem) -> None:
    """Record each key in every way there is."""
    for key in KEYS:
        with system.operation("keyed", key=key) as op:
            op.related_keys = (key, key)
        system.record_operation("told", 0.1, key=key, related_keys=[key])
        system._recorder.access(key, "miss")


@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_a_run_with_keys_of_any_kind_is_kept_and_shown(tmp_path: Path, suffix: str) -> None:
    with PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run") as system:
        use(system)
        live = [system.frames[frame]["key"].tolist() for frame in ("operations", "accesses")]
        flight = perflab.open_run(tmp_path / "run").flight
        assert flight.attrs["problem"] is None
        assert len(flight) == 3 * len(KEYS)
    run = perflab.open_run(tmp_path / "run")
    assert [run.frames[frame]["key"].tolist() for frame in ("operations", "accesses")] == live
    assert len(live[0]) == 2 * len(live[1]) == 2 * len(KEYS)
    texts = [text for text in live[1] if isinstance(text, str)]
    assert max(map(len, texts)) <= 512
    assert {"nan", "", "(1,)", "(1.0,)", "True", "1", "<Unprintable whose repr raised RuntimeError>"} <= set(texts)
    assert not any("\ud800" in text for text in texts)
    page = run.report(tmp_path / f"report{suffix}").read_text()
    assert "<script>alert" not in page or suffix == ".json"
    assert "\x1b" not in page
    related = run.frames.operations["related_keys"].dropna()
    assert [len(json.loads(keys)) for keys in related] == [2, 1] * len(KEYS)


def test_keys_of_any_kind_come_home_from_a_worker() -> None:
    with Workers(2) as workers, PerformanceSystem(Config(**QUIET)) as system:

        def work(numbers: tuple[int, int]) -> None:
            for key in (float("nan"), "\ud800", b"y" * 2_000_000, frozenset({numbers}), object):
                with system.operation("keyed", key=key):
                    pass

        list(workers.map(work, [(1, 2)]))
        keys = system.frames.operations["key"].tolist()
    assert keys[:2] == ["nan", "\\ud800"]
    assert keys[3:] == ["frozenset({(1, 2)})", "<class 'object'>"]
    assert len(keys[2]) <= 512


CACHED: list[Callable[[], Any]] = [
    lambda: float("nan"),
    lambda: "z" * 2_000_000,
    lambda: "\ud800",
    lambda: "\0",
    lambda: "",
    lambda: None,
    lambda: (1, float("nan")),
    lambda: frozenset({1}),
]


@pytest.mark.parametrize("make", CACHED)
def test_a_key_of_the_cache_is_found_again_or_refused_before_anything_is_stored(make: Callable[[], Any]) -> None:
    with PerformanceSystem(Config(**QUIET)) as system:
        try:
            system.cache[make()] = "value"
        except ValueError:
            assert system.cache.stats()["entries"].sum() == 0
            return
        assert system.cache.get(make()) == "value"
        events = system.frames.accesses["event"].astype(str).tolist()
        assert events[-1] == "hit"
        assert system.frames.accesses["key"].nunique(dropna=False) == 1


SET_BACK = """
import json, pathlib, sys, time
from perflab import Config, PerformanceSystem

quiet = {"resource_monitoring": {"enabled": False}, "enable_auto_optimization": False, "parallel": {"workers": 1}}
system = PerformanceSystem(Config(**quiet), run_dir=sys.argv[1])
offset = pathlib.Path(sys.argv[2])


def work(name):
    for number in range(20):
        with system.operation(name, key=number):
            system.cache.get_or_load(number, lambda: "value", ttl=60)


with system.operation("around"):
    work("before")
    system._recorder.flush()
    before = time.time()
    offset.write_text(sys.argv[3])
    jumped_s = time.time() - before
    work("after")
system.metrics_history(), system.metrics(), system.report(sys.argv[1] + "/report.md")
system.close()
print(json.dumps({"jumped_s": jumped_s}))
"""


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_set_moves_rows_and_loses_none(tmp_path: Path, hours: int) -> None:
    if not FAKETIME.exists():
        pytest.skip(f"{FAKETIME} is not installed")
    offset = tmp_path / "offset"
    offset.write_text("+0")
    environment = os.environ | {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    command = [sys.executable, "-c", SET_BACK, str(tmp_path / "run"), str(offset), f"{hours:+d}h"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["jumped_s"] == pytest.approx(hours * 3600, abs=60)
    run = perflab.open_run(tmp_path / "run")
    operations, accesses = run.frames.operations, run.frames.accesses
    assert operations["name"].value_counts().to_dict() == {"before": 20, "after": 20, "around": 1}
    assert operations["duration_s"].between(0, 60).all()
    assert accesses["event"].value_counts()[["miss", "load", "hit"]].to_dict() == {"miss": 20, "load": 20, "hit": 20}
    mean_t = operations.groupby("name", observed=True)["t"].mean()
    assert (mean_t["after"] - mean_t["before"]).total_seconds() == pytest.approx(hours * 3600, abs=60)
    hits, misses = (accesses.loc[accesses["event"] == event, "t"].mean() for event in ("hit", "miss"))
    assert (hits - misses).total_seconds() == pytest.approx(hours * 3600, abs=60)
    assert accesses["t"].is_monotonic_increasing


def test_json_of_an_ordinary_length_is_not_cut_on_any_way() -> None:
    keys = [f"templates/product/{number:04d}.html" for number in range(200)]
    with Workers(2) as workers, PerformanceSystem(Config(**QUIET)) as system:

        def work(_: int) -> None:
            system.record_operation("there", 0.1, related_keys=keys)

        system.record_operation("here", 0.1, related_keys=keys)
        system.record_operation("long", 0.1, related_keys=keys * 100)
        list(workers.map(work, [0]))
        found = system.frames.operations.astype({"name": str}).set_index("name")["related_keys"].map(json.loads)
    assert found["here"] == found["there"] == keys
    assert found["long"].startswith('["templates/product/0000.html"')
