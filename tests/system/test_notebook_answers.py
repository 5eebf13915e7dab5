"""The ten answers of the notebook on frames, each against a count in plain Python over the same rows."""

from __future__ import annotations

import ast
import gc
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pandas as pd
import pytest

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01-frames.ipynb"
ENDS = {"evict": "evicted", "expire": "expired", "invalidate": "invalidated", "quarantine": "damaged"}
REMOVED = {"evict": "capacity", "expire": "expired", "invalidate": "invalidated", "reject": "rejected"}
Row = dict[str, Any]


class Asked:
    """The notebook after it ran: what it answered to each question, its names, and the recorded rows."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "notebook", "display": lambda *_: None}
        self.answers: dict[int, Any] = {}
        question = 0
        for cell in json.loads(NOTEBOOK.read_text())["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                found = re.match(r"## (\d+)\. ", source)
                question = int(found[1]) if found else 0
                if source.startswith("## Only some rows"):
                    break
            else:
                answer = self.run(source)
                if question:
                    self.answers[question] = answer
        self.accesses: list[Row] = self.names["accesses"].to_dict("records")
        self.operations: list[Row] = self.names["operations"].to_dict("records")
        self.reads = [row for row in self.accesses if row["event"] in ("hit", "miss")]

    def run(self, source: str) -> Any:
        """Run a cell and return the value of its last expression."""
        body = ast.parse(source).body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), "notebook", "exec"), self.names)  # noqa: S102 - a notebook of this repository
        if last is None:
            return None
        return eval(compile(ast.Expression(last.value), "notebook", "eval"), self.names)  # noqa: S307 - the same

    def axes(self, question: int) -> Any:
        return self.answers[question].figure.axes[0]

    def by_key(self) -> dict[str, list[Row]]:
        """Return the rows of `accesses` by key, each with the number of accesses of any key until it."""
        found: dict[str, list[Row]] = defaultdict(list)
        until = 0
        for row in self.accesses:
            until += row["event"] in ("hit", "miss")
            found[row["key"]].append({**row, "until": until})
        return found


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    # CPython 3.11 counts the depth of `ast.parse` for all threads at once: where garbage is collected in it, another
    # thread may take its turn and either fails with a SystemError (python/cpython#106905).
    gc.disable()
    try:
        made = Asked()
    finally:
        gc.enable()
    yield made
    made.names["system"].close()
    made.names["folder"].cleanup()


def following_load(rows: list[Row], place: int) -> Row | None:
    return next((row for row in rows[place:] if row["event"] == "load"), None)


def class_of(rows: list[Row], place: int) -> str:
    """Say why the key with these rows was missed at a place, by its last row before that is no hit."""
    if place == 0:
        return "compulsory"
    before = next((row["event"] for row in rows[place - 1 :: -1] if row["event"] != "hit"), None)
    if before in REMOVED:
        return REMOVED[before]
    load = following_load(rows, place)
    if load is None or pd.isna(load["duration_s"]):
        return "not stored"
    return "in flight" if load["t"] - pd.Timedelta(load["duration_s"], "s") < rows[place]["t"] else "not stored"


def missed(asked: Asked) -> list[Row]:
    """Return the misses with their class, what was read since the key left, and the seconds of the load."""
    found = []
    for rows in asked.by_key().values():
        classes = {place: class_of(rows, place) for place, row in enumerate(rows) if row["event"] == "miss"}
        for place, miss_class in classes.items():
            later = [p for p in range(place + 1, len(rows)) if rows[p]["event"] == "load" or p in classes]
            leads = [p for p in later if classes.get(p) != "in flight"]
            loaded = miss_class != "in flight" and bool(leads) and rows[leads[0]]["event"] == "load"
            gone = [row for row in rows[:place] if row["event"] != "hit"]
            left = gone[-1] if gone else None
            found.append(
                {
                    "key": rows[place]["key"],
                    "class": miss_class,
                    "load_s": rows[leads[0]]["duration_s"] if loaded else 0.0,
                    "distance": rows[place]["until"] - 1 - left["until"] if left else None,
                    "away_s": (rows[place]["t"] - left["t"]).total_seconds() if left else None,
                }
            )
    return found


def test_the_notebook_asks_ten_questions(asked: Asked) -> None:
    assert sorted(asked.answers) == list(range(1, 11))
    assert len(asked.reads) > 500


def test_1_which_keys_cost_the_most_time(asked: Asked) -> None:
    loads: dict[str, list[float]] = defaultdict(list)
    for row in asked.accesses:
        if row["event"] == "load":
            loads[row["key"]].append(row["duration_s"])
    slowest = sorted(loads, key=lambda key: -sum(loads[key]))[:5]
    assert asked.answers[1].index.tolist() == slowest
    for key, answer in asked.answers[1].iterrows():
        assert answer.tolist() == pytest.approx([len(loads[key]), mean(loads[key]), sum(loads[key])])


def test_2_when_does_the_cache_hit_and_in_which_tier(asked: Asked) -> None:
    answers = [row["tier"] if row["event"] == "hit" else None for row in asked.reads]
    drawn = [patch.get_data() for patch in asked.axes(2).patches]
    tiers = [tier for tier in ("l1", "l2", "l3") if tier in answers]
    assert len(drawn) == len(tiers) >= 2
    for tier, stairs in zip(tiers, drawn, strict=True):
        shares = stairs.values - stairs.baseline
        windows = [answers[int(start) : int(stop)] for start, stop in itertools.pairwise(stairs.edges)]
        assert shares.tolist() == pytest.approx([window.count(tier) / len(window) for window in windows])
        assert sum(map(len, windows)) == len(answers)


def test_3_why_did_it_miss(asked: Asked) -> None:
    wanted = missed(asked)
    counts = Counter(miss["class"] for miss in wanted)
    answer = asked.answers[3]
    assert answer["misses"].to_dict() == counts
    assert counts.total() == sum(row["event"] == "miss" for row in asked.accesses)
    for miss_class, seconds in answer["load_s"].items():
        assert seconds == pytest.approx(sum(miss["load_s"] for miss in wanted if miss["class"] == miss_class))
    assert {"compulsory", "capacity", "expired", "invalidated"} <= set(counts)


def test_4_what_was_evicted_and_missed_again(asked: Asked) -> None:
    again: dict[str, list[Row]] = defaultdict(list)
    for miss in missed(asked):
        if miss["class"] == "capacity":
            again[miss["key"]].append(miss)
    cost = {key: sum(miss["load_s"] for miss in misses) for key, misses in again.items()}
    assert asked.answers[4]["load_s"].tolist() == pytest.approx(sorted(cost.values(), reverse=True)[:5])
    for key, answer in asked.answers[4].iterrows():
        misses = again[str(key)]
        assert (answer["times"], answer["soonest"]) == (len(misses), min(miss["distance"] for miss in misses))
        assert answer["away_s"] == pytest.approx(median(miss["away_s"] for miss in misses))


def test_5_how_large_is_the_working_set(asked: Asked) -> None:
    sizes: dict[str, set[int]] = defaultdict(set)
    for row in asked.accesses:
        if row["tier"] in ("l1", "l2") and not pd.isna(row["nbytes"]):
            sizes[row["key"]].add(int(row["nbytes"]))
    (stairs,) = [patch.get_data() for patch in asked.axes(5).patches]
    windows = [asked.reads[start : start + 50] for start in range(0, len(asked.reads), 50)]
    assert stairs.edges.tolist() == [*range(0, 50 * len(windows), 50), len(asked.reads)]
    assert asked.names["sizes"]["keys"].tolist() == [len({row["key"] for row in window}) for window in windows]
    for window, drawn_kb in zip(windows, stairs.values, strict=True):
        used = [sizes[key] for key in {row["key"] for row in window} if sizes[key]]
        # A page that was edited has two sizes; all others have one.
        assert sum(map(min, used)) - 1 <= 1000 * drawn_kb <= sum(map(max, used)) + 1
    lines = sorted(line.get_ydata()[0] for line in asked.axes(5).lines)
    assert lines == pytest.approx([40, 60])


def stays_of(rows: list[Row]) -> list[Row]:
    """Return the stays in memory of one key's value."""
    stays: list[Row] = []
    away = True
    for row in rows:
        event, t = row["event"], row["t"]
        if row["tier"] is None or pd.isna(row["tier"]) or event in ("load", "miss", "reject"):
            continue
        if event == "set" or (event in ("promote", "demote") and away):
            if stays and stays[-1]["end"] is None:
                stays[-1].update(end="replaced", left=t)
            stays.append({"stored": t, "left": None, "end": None, "hits": 0})
        elif not stays:
            stays.append({"stored": None, "left": None, "end": None, "hits": 0})
        if event in ENDS:
            stays[-1].update(end=ENDS[event], left=t)
        stays[-1]["hits"] += event == "hit"
        away = away if event == "hit" else event in ENDS
    return stays


def test_6_how_long_do_values_live(asked: Asked) -> None:
    ends: dict[str, list[Row]] = defaultdict(list)
    for rows in asked.by_key().values():
        for stay in stays_of(rows):
            ends[stay["end"] or "held"].append(stay)
    answer = asked.answers[6]
    assert set(answer.index) == set(ends) >= {"evicted", "expired", "held"}
    for end, row in answer.iterrows():
        stays = ends[str(end)]
        assert (row["values"], row["unread"]) == (len(stays), sum(stay["hits"] == 0 for stay in stays))
        assert row["hits"] == pytest.approx(mean(stay["hits"] for stay in stays))
        lived = [(stay["left"] - stay["stored"]).total_seconds() for stay in stays if stay["left"] and stay["stored"]]
        assert row["lifetime_s"] == pytest.approx(median(lived) if lived else float("nan"), nan_ok=True)


def test_7_how_much_time_did_the_cache_save(asked: Asked) -> None:
    hits = [row for row in asked.accesses if row["event"] == "hit"]
    timed: dict[str, list[float]] = defaultdict(list)
    for row in hits:
        if not pd.isna(row["duration_s"]):
            timed[row["tier"]].append(row["duration_s"])
    saved: dict[str, float] = {}
    for key, rows in asked.by_key().items():
        loads = [row["duration_s"] for row in rows if row["event"] == "load"]
        took = [row["duration_s"] for row in rows if row["event"] == "hit"]
        tiers = [row["tier"] for row in rows if row["event"] == "hit"]
        took = [mean(timed[tier]) if pd.isna(s) else s for s, tier in zip(took, tiers, strict=True)]
        if loads:
            saved[key] = len(took) * mean(loads) - sum(took)
    assert asked.names["saved"]["saved_s"].sum() == pytest.approx(sum(saved.values()))
    best = sorted(saved, key=lambda key: -saved[key])[:5]
    assert asked.answers[7].index.tolist() == best
    assert asked.answers[7]["saved_s"].tolist() == pytest.approx([saved[key] for key in best])
    assert set(asked.answers[7]["how"]) == {"estimated"}


def self_seconds(asked: Asked) -> list[tuple[Row, float]]:
    """Return the operations, each with its time less that of the operations directly inside it, which never overlap."""
    inside: Counter[int] = Counter()
    for row in asked.operations:
        if not pd.isna(row["parent_id"]):
            inside[row["parent_id"]] += row["duration_s"]
    return [(row, max(0.0, row["duration_s"] - inside[row["operation_id"]])) for row in asked.operations]


def test_8_which_operations_are_slow(asked: Asked) -> None:
    own: Counter[str] = Counter()
    for row, seconds in self_seconds(asked):
        own[row["name"]] += seconds
    answer = asked.answers[8]
    assert answer["calls"].to_dict() == Counter(row["name"] for row in asked.operations)
    assert answer["self_s"].is_monotonic_decreasing
    for name, row in answer.iterrows():
        took = [operation["duration_s"] for operation in asked.operations if operation["name"] == name]
        assert [row["p50_s"], row["p95_s"]] == pytest.approx(np.quantile(took, [0.5, 0.95]).tolist())
        # The frame has times to the microsecond, and a row is written a little after it was timed.
        assert row["self_s"] == pytest.approx(own[str(name)], rel=0.02, abs=0.002)


def test_9_what_fails(asked: Asked) -> None:
    failed = Counter((row["name"], row["error"].split(":")[0]) for row in asked.operations if not row["ok"])
    calls = Counter(row["name"] for row in asked.operations)
    assert asked.answers[9]["failed"].to_dict() == failed
    assert asked.answers[9]["ratio"].to_dict() == pytest.approx({key: n / calls[key[0]] for key, n in failed.items()})
    assert {error for _, error in failed} == {"SyntaxError", "FileNotFoundError"}


def test_10_which_thread_does_what(asked: Asked) -> None:
    own: Counter[tuple[str, str]] = Counter()
    for row, seconds in self_seconds(asked):
        own[row["stream"], row["name"]] += seconds
    axes = asked.axes(10)
    streams = [label.get_text() for label in axes.get_yticklabels()]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert set(streams) == {stream for stream, _ in own} == {"MainThread", "reader_0", "reader_1"}
    for name, bars in zip(names, axes.containers, strict=True):
        for stream, bar in zip(streams, bars, strict=True):
            assert np.nan_to_num(bar.get_width()) == pytest.approx(own[stream, name], rel=0.02, abs=0.002)
