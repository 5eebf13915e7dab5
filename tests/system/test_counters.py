"""Every counter that perflab shows, against a count over the rows of the frames, and against what the program did."""

from __future__ import annotations

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from perflab import Config, PerformanceSystem
from perflab.optimize import OptimizationResult
from perflab.optimize.result import IN_FORCE
from perflab.record import FRAMES

SETTINGS: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "predictive_prefetching_enabled": False,
    "relief": {"enabled": False},
    "parallel": {"workers": 1},
    "cache": {"l1_bytes": 20_000, "l2_bytes": 20_000},
}
TIERS = ("l1", "l2", "l3")
Row = dict[str, Any]


@dataclass
class Session:
    """A system that did a little of everything, and what the program itself knows of that."""

    system: PerformanceSystem
    operations: int = 0
    failed: int = 0
    reads: int = 0
    loads: int = 0
    calls: int = 0
    computed: int = 0
    fn: Any = None
    files: list[Any] = field(default_factory=list)
    optimized: list[OptimizationResult] = field(default_factory=list)

    def rows(self, frame: str) -> list[Row]:
        """Return the rows of a frame as plain Python, to be counted without pandas."""
        return self.system._recorder.rows(frame).to_pylist()  # type: ignore[no-any-return]

    def events(self, *, tier: str | None = None) -> Counter[str]:
        """Count the events of `accesses`."""
        return Counter(row["event"] for row in self.rows("accesses") if tier is None or row["tier"] == tier)

    def load(self, number: int) -> str:
        self.loads += 1
        return f"{number}" * 400

    def read(self, number: int) -> None:
        self.reads += 1
        self.system.cache.get_or_load(number, partial(self.load, number))

    def work(self) -> None:
        for number in range(300):
            self.operations += 1
            with self.system.operation("read", key=number % 45):
                self.read(number % 45)
        for number in range(3):
            self.operations, self.failed = self.operations + 1, self.failed + 1
            with pytest.raises(ValueError, match="seven"), self.system.operation("fail", key=number):
                raise ValueError("seven")
        thread = threading.Thread(target=lambda: [self.read(number) for number in range(40, 50)])
        thread.start()
        thread.join()
        self.system.cache.delete(3)
        self.system.record_operation("timed", 0.5, cache_hit=True)
        self.operations += 1

    def call(self) -> None:
        @self.system.cached
        def square(number: int) -> int:
            self.computed += 1
            return number * number

        self.fn = square
        for number in (1, 2, 1, 3, 1):
            self.calls += 1
            square(number)

    def process(self, path: Path) -> None:
        for text in ("one", "two"):
            path.write_text("".join(f"def f{number}():\n    return {text * 400!r}\n\n\n" for number in range(4)))
            for _ in range(2):
                self.files.append(self.system.process_large_file(path, len))
                self.operations += 1


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with PerformanceSystem(Config(**SETTINGS)) as system:
        made = Session(system)
        made.work()
        made.call()
        made.process(tmp_path_factory.mktemp("files") / "module.py")
        for _ in range(3):
            system._monitor.sample()
        made.optimized = [system.optimize(), system.optimize("memory_pressure")]
        yield made


def cells(page: str) -> list[list[str]]:
    """Return the texts of a table's rows."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", page, re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]


def test_the_session_has_something_to_count(session: Session) -> None:
    events = session.events()
    for event in ("hit", "miss", "load", "set", "evict", "promote", "demote", "invalidate"):
        assert events[event] > 0, event
    assert all(session.rows(frame) for frame in FRAMES if frame not in ("samples", "targets"))


def test_statistics(session: Session) -> None:
    events, operations = session.events(), session.rows("operations")
    shown = session.system.statistics()
    assert shown["cache"]["events"] == events
    assert shown["cache"]["hits"] == events["hit"]
    assert shown["cache"]["misses"] == events["miss"]
    assert shown["cache"]["accesses"] == events["hit"] + events["miss"]
    assert shown["cache"]["hit_rate"] == events["hit"] / (events["hit"] + events["miss"])
    assert shown["operations"]["count"] == len(operations) == session.operations
    assert shown["operations"]["failed"] == sum(not row["ok"] for row in operations) == session.failed
    mean_s = math.fsum(row["duration_s"] for row in operations) / len(operations)
    assert shown["operations"]["mean_s"] == pytest.approx(mean_s)
    assert shown["events"] == Counter(row["name"] for row in session.rows("events"))
    assert shown["optimizations"] == Counter(row["verdict"] for row in session.rows("optimizations"))
    for name, value in shown["resources"].items():
        known = [row[name] for row in session.rows("resources") if row[name] is not None]
        assert value == (known[-1] if known else None), name
    assert shown["rows_dropped"] == 0


def test_what_the_program_did_itself_is_what_was_counted(session: Session) -> None:
    rows = [row for row in session.rows("accesses") if row["key"].isdigit()]
    events = Counter(row["event"] for row in rows)
    assert events["hit"] + events["miss"] == session.reads
    assert events["load"] == events["miss"] == session.loads
    assert Counter(row["name"] for row in session.rows("operations")) == {
        "read": 300,
        "fail": 3,
        "timed": 1,
        "process-file": 4,
    }


def tier_counts(session: Session) -> dict[str, Row]:
    """Count by tier; a tier is asked for what no faster one had."""
    asked = sum(session.events()[event] for event in ("hit", "miss"))
    found: dict[str, Row] = {"all": {"accesses": asked, "hits": session.events()["hit"]}}
    for tier in TIERS:
        hits = session.events(tier=tier)["hit"]
        found[tier] = {"accesses": asked, "hits": hits}
        asked -= hits
    for tier, counts in found.items():
        events = session.events(tier=None if tier == "all" else tier)
        counts["misses"] = counts["accesses"] - counts["hits"]
        counts["hit_rate"] = counts["hits"] / counts["accesses"]
        counts["evictions"], counts["expiries"] = events["evict"], events["expire"]
    return found


def test_statistics_of_the_tiers(session: Session) -> None:
    cache, wanted = session.system.cache, tier_counts(session)
    for table in (cache.stats(), session.system.statistics()["tiers"]):
        shown = table.set_index("tier")
        for tier, counts in wanted.items():
            assert {name: shown.loc[tier, name] for name in counts} == pytest.approx(counts)
        for tier in TIERS:
            held = getattr(cache, tier)
            assert (shown.loc[tier, "entries"], shown.loc[tier, "bytes"]) == (len(held), held.nbytes)
    assert wanted["l1"]["evictions"] + wanted["l2"]["evictions"] > 0


def test_the_cache_in_a_notebook(session: Session) -> None:
    head, *body = cells(session.system.cache._repr_html_())
    shown = {row[0]: dict(zip(head, row, strict=True)) for row in body}
    for tier, counts in tier_counts(session).items():
        for name in ("accesses", "hits", "misses", "evictions", "expiries"):
            assert int(shown[tier][name]) == counts[name]
        assert float(shown[tier]["hit_rate"]) == pytest.approx(counts["hit_rate"], rel=5e-3)


def test_the_info_of_a_cached_function(session: Session) -> None:
    keys = {session.fn.cache_key(number) for number in (1, 2, 3)}
    events = Counter(row["event"] for row in session.rows("accesses") if row["key"] in keys)
    info = session.fn.cache_info()
    assert (info.hits, info.misses, info.loads) == (events["hit"], events["miss"], events["load"]) == (2, 3, 3)
    assert info.hit_rate == 2 / 5
    assert (session.calls, session.computed) == (5, 3)


def test_metrics(session: Session) -> None:
    table = session.system.metrics().set_index("name")
    events, resources = session.events(), session.rows("resources")
    accesses = events["hit"] + events["miss"]
    growth = [row["growth_bytes"] for row in resources]
    wanted = {
        "cache.hit_rate": (events["hit"] / accesses, accesses),
        "cache.miss_rate": (events["miss"] / accesses, accesses),
        "cache.eviction_rate": (events["evict"] / accesses, accesses),
        "memory.current": (growth[-1], len(resources)),
        "memory.peak": (max(growth), len(resources)),
        "concurrency.errors": (session.failed, session.operations),
    }
    for name, (value, count) in wanted.items():
        assert table.loc[name, "value"] == pytest.approx(value), name
        assert table.loc[name, "n"] == count, name
    assert f"{events['hit']} of {accesses}" in table.loc["cache.hit_rate", "method"]


def test_metrics_over_time(session: Session) -> None:
    history, events = session.system.metrics_history("1h"), session.events()
    assert history["accesses"].sum() == events["hit"] + events["miss"]
    assert history["operations"].sum() == session.operations
    assert (history["accesses"] * history["hit_rate"]).sum() == pytest.approx(events["hit"])
    assert history["growth_bytes"].max() == max(row["growth_bytes"] for row in session.rows("resources"))


def test_the_optimizers_triggers_see_the_same(session: Session) -> None:
    events, last = session.events(), session.rows("resources")[-1]
    assert session.system._recorder.totals() == events
    signals = session.system._background.signals()
    assert (signals.accesses, signals.misses) == (events["hit"] + events["miss"], events["miss"])
    seen = session.system.monitor.last
    assert seen is not None
    assert (seen.growth_bytes, signals.cpu_ratio) == (last["growth_bytes"], last["cpu_ratio"])
    assert signals.growth_bytes is None, "relief has just acted on it"


def test_the_frames_themselves(session: Session) -> None:
    frames = session.system.frames
    counts = {frame: len(session.rows(frame)) for frame in FRAMES}
    assert {row[0]: int(row[1].replace(",", "")) for row in cells(frames._repr_html_())[1:]} == counts
    assert all(f"{frame}: {rows:,}" in repr(frames) for frame, rows in counts.items())
    described = frames.describe()
    assert described.groupby("frame")["rows"].first().to_dict() == counts
    assert {row[0]: int(row[1]) for row in cells(session.system.run._repr_html_())} == counts
    assert {name: len(frame) for name, frame in frames.items()} == counts


def test_files_and_chunks(session: Session) -> None:
    statuses = Counter(row["status"] for row in session.rows("chunks"))
    for status in ("processed", "reused", "failed"):
        assert sum(getattr(result, status) for result in session.files) == statuses[status]
    assert sum(len(result.chunks) for result in session.files) == statuses.total()
    assert (statuses["processed"], statuses["reused"]) == (8, 8)
    told = [json.loads(row["payload"]) for row in session.rows("events") if row["name"] == "file_optimized"]
    assert [(event["processed"], event["reused"]) for event in told] == [(4, 0), (0, 4), (4, 0), (0, 4)]


def test_optimizations(session: Session) -> None:
    rows = session.rows("optimizations")
    for result in session.optimized:
        mine = [row for row in rows if row["trigger"] == result.trigger]
        kept = sum(row["verdict"] in IN_FORCE for row in mine)
        assert (len(result.rows), result.kept) == (len(mine), kept)
        assert f"{kept} of {len(mine)} kept" in result._repr_html_()
        assert len(cells(result._repr_html_())) == len(mine) + 1
    told = [json.loads(row["payload"]) for row in session.rows("events") if row["name"] == "optimization_complete"]
    assert [(event["kept"], event["tried"]) for event in told] == [(r.kept, len(r.rows)) for r in session.optimized]


def cache_table(session: Session) -> dict[str, Callable[[str], int]]:
    """Return what the report counts by tier, as functions of the tier."""
    counts, names = tier_counts(session), {"sets": "set", "promotions": "promote", "demotions": "demote"}
    by_event = {
        name: lambda tier, event=event: session.events(tier=None if tier == "all" else tier)[event]
        for name, event in names.items()
    }
    return {
        **{name: lambda tier, name=name: counts[tier][name] for name in ("hits", "misses", "evictions")},
        **by_event,
    }


def test_the_report(session: Session, tmp_path: Path) -> None:
    text = session.system.report(tmp_path / "report.md").read_text()
    section = text.split("## Cache by tier")[1].split("## ")[0]
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("|")]
    shown = {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:]}
    for name, count in cache_table(session).items():
        for tier in (*TIERS, "all"):
            assert int(shown[tier][name].replace(",", "")) == count(tier), (tier, name)
    accesses = session.events()["hit"] + session.events()["miss"]
    assert f"n = {accesses:,} accesses." in section
    assert int(shown["all"]["loads"]) == session.events()["load"]
    assert f"The 10 longest of {session.operations:,}" in text
    for name, times in Counter(row["name"] for row in session.rows("events")).items():
        assert f"| {name.replace('_', chr(92) + '_')} | {times} |" in text


def test_the_report_for_programs(session: Session, tmp_path: Path) -> None:
    found = json.loads(session.system.report(tmp_path / "report.json").read_text())
    judged = {"targets": len(session.system.targets())}  # none were recorded: the report judges now
    assert found["rows"] == {frame: len(session.rows(frame)) for frame in FRAMES} | judged


def test_dropped_rows_are_counted_in_every_view_and_stay_in_totals() -> None:
    settings = {**SETTINGS, "cache": {"l3_enabled": False}}
    record = {"chunk_rows": 100, "memory_budget_bytes": 50_000}
    with PerformanceSystem(Config(**settings, record=record)) as system:
        for number in range(6_000):
            system.cache.get(f"key {number}")
        kept = len(system.frames.accesses)
        dropped = system.statistics()["rows_dropped"]
        assert (kept + dropped, dropped > 0) == (6_000, True)
        assert system.frames.accesses.attrs["rows_dropped"] == dropped
        assert system.frames.select("accesses", ["key"]).attrs["rows_dropped"] == dropped
        assert system._recorder.totals() == {"miss": 6_000}
        assert system.statistics()["cache"]["misses"] == kept
