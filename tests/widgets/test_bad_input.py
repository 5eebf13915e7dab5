"""Panels on what is no system, on a closed one, on runs of the future, and on texts that attack a page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from panels import SMALL, parts, read, reading, said, words

from perflab import PerformanceSystem
from perflab.errors import PerflabError
from perflab.widgets import Benchmarks, Explorer, Monitor, Targets, Tuner, WhatIfPanel
from perflab.widgets.panel import Panel

ATTACK = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("given", [7, "text", object()], ids=["number", "text", "object"])
@pytest.mark.parametrize("panel", [Benchmarks, Monitor, Targets, Tuner, WhatIfPanel])
def test_what_is_no_system_is_refused_in_one_sentence(panel: Callable[[Any], Panel], given: object) -> None:
    with pytest.raises(PerflabError, match=r"give") as refused:
        panel(given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("panel", [Monitor, Targets, WhatIfPanel, Explorer, Tuner])
def test_a_closed_system_is_shown_as_it_ended(panel: Callable[[Any], Any]) -> None:
    with reading() as system:
        pass
    made = panel(system)
    made.stop_waiting(30) if isinstance(made, Monitor) else made.settle(60)
    assert "✗" not in said(made)
    assert "<svg" in made.shown


def test_runs_of_a_newer_version_are_told_wherever_they_are_met(tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "run.json").write_text(json.dumps({"format": 99, "status": "finished"}))
    (newer / "worker.json").write_text(json.dumps({"pid": 0}))
    panel = Explorer(tmp_path)
    assert "format 99" in words(panel.runs.html)
    panel.runs.pick(str(newer))  # no button of the page picks it
    assert panel.settle(60)
    assert "format 99" in said(panel)
    benchmarks = Benchmarks(runs_dir=tmp_path)
    benchmarks._following.join(30)
    assert said(benchmarks).startswith("✗ Failed: ")
    assert "format 99" in said(benchmarks)


def attack() -> None:
    """Do nothing, under a name that attacks."""


attack.__name__ = ATTACK


def attacked(folder: Path) -> Iterator[Any]:
    """Yield each panel on systems and runs in which every text attacks."""
    for name in ("one", "two"):
        with reading(
            SMALL.replace(cache={"l1_bytes": "5 kB" if name == "one" else "60 kB"}),
            run_dir=folder / f"{name} {ATTACK}",
            label=ATTACK,
        ) as system:
            attack_all(system)
    with reading(label=ATTACK) as system:
        attack_all(system)
        yield Tuner(system)
        yield WhatIfPanel(system)
        monitor = Monitor(system, every_s=3_600)
        monitor.pause()
        monitor.stop_waiting(30)
        yield monitor
        monitor.close()
        yield (targets := Targets(system))
        targets.cards.pick("cache.hit_rate > 90%")
        yield targets
        yield begun_with_a_status_that_attacks(folder.with_name(f"{folder.name}-begun"))
        yield Benchmarks({ATTACK: attack, f"{ATTACK}2": attack}, runs_dir=folder)
        explorer = Explorer(folder)
        for run in sorted(folder.iterdir()):
            explorer.runs.pick(str(run))
        for frame in ("operations", "chunks", "events", "accesses"):
            explorer.form.put("frame", frame)
            yield explorer
        explorer.form.put("event", "miss")
        assert explorer.settle(60)
        explorer.rows.pick(next(picked for picked, miss in explorer.missed.items() if ATTACK in miss.key))
        yield explorer


def begun_with_a_status_that_attacks(folder: Path) -> Benchmarks:
    with reading(run_dir=folder / "run") as system:
        system._recorder.add("samples", arm="a", pair=0, wall_s=1.0)
    (folder / "run" / "worker.json").write_text(json.dumps({"pid": 0}))
    info = folder / "run" / "run.json"
    info.write_text(json.dumps({**json.loads(info.read_text()), "status": ATTACK}))
    panel = Benchmarks(runs_dir=folder)
    panel._following.join(30)
    assert ATTACK in words(panel.shown)
    return panel


def attack_all(system: PerformanceSystem) -> None:
    read(system, 50)
    with system.operation(ATTACK, key=ATTACK):
        for number in range(3):
            system.cache.get_or_load((ATTACK, number), lambda: "x")
    system._recorder.add("chunks", path=ATTACK, kind=ATTACK, name=ATTACK, operation=ATTACK, error=ATTACK)
    system._recorder.add("events", name=ATTACK, payload=json.dumps({ATTACK: ATTACK}))


class Elements(HTMLParser):
    """Gathers the elements and attributes that a browser would make of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_texts_that_attack_a_page_are_text_in_every_table(tmp_path: Path) -> None:
    seen = 0
    for panel in attacked(tmp_path):
        assert panel.settle(60) if hasattr(panel, "settle") else True
        if isinstance(panel, Monitor):
            panel.look()
        elements = Elements()
        for part in parts(panel.widget):
            elements.feed(str(getattr(part, "html", "") or getattr(part, "value", "")))
        assert not {name for name in elements.found if name in ("img", "script", "src") or name.startswith("on")}
        seen += ATTACK in "".join(elements.texts)
    assert seen >= 6  # targets, monitor, and the explorer as often as it was looked at
