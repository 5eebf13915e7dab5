"""A fault in each callback of each panel is one line in that panel; no callback is left out of this."""

from __future__ import annotations

import functools
import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from panels import SMALL, parts, reading, said

from perflab import PerformanceSystem
from perflab.widgets import Benchmarks, Explorer, Monitor, Targets, Tuner, WhatIfPanel
from perflab.widgets.following import Following
from perflab.widgets.form import Form
from perflab.widgets.listing import Listing
from perflab.widgets.look import Look
from perflab.widgets.panel import Panel
from perflab.widgets.redraw import Latest

ONE_LINE = "✗ RuntimeError: injected"
LONGEST_S = 20.0

numbers = itertools.count(1)


@dataclass
class Guard:
    """One callback that a panel registered, and whether it is to fail."""

    name: str
    call: Callable[..., Any] = print
    calls: int = 0
    is_broken: bool = False


class Guards(list[Guard]):
    """The callbacks that a panel registers, in their order; those at the places of `early` fail from the start."""

    early: frozenset[int] = frozenset()


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Guards:
    """Give the callbacks that panels register from now on; what they write goes to a folder of the test's."""
    monkeypatch.chdir(tmp_path)
    made = Guards()
    guarded = Panel.guarded

    def kept(panel: Panel, callback: Callable[..., Any]) -> Callable[..., Any]:
        guard = Guard(callback.__qualname__, is_broken=len(made) in made.early)

        @functools.wraps(callback)
        def call(*args: Any, **kwargs: Any) -> Any:
            guard.calls += 1
            if guard.is_broken:
                raise RuntimeError("injected\nsecond line")
            return callback(*args, **kwargs)

        guard.call = guarded(panel, call)
        made.append(guard)
        return guard.call

    monkeypatch.setattr(Panel, "guarded", kept)
    return made


def quick_list() -> int:
    return sum([number * number for number in range(1_000)])


def quick_stream() -> int:
    return sum(number * number for number in range(1_000))


PANELS: dict[str, Callable[[PerformanceSystem, Path], Panel]] = {
    "tuner": lambda system, _: Tuner(system),
    "what-if": lambda system, _: WhatIfPanel(system),
    "monitor": lambda system, _: Monitor(system, every_s=0.5),
    "targets": lambda system, _: Targets(system),
    "benchmarks": lambda _, folder: Benchmarks([quick_list, quick_stream], runs_dir=folder / "runs"),
    "explorer": lambda _, folder: Explorer(folder / "stored"),
}


@contextmanager
def shown(kind: str, folder: Path) -> Iterator[tuple[PerformanceSystem, Panel]]:
    """Give a panel of a kind on a system that read something."""
    if not (folder / "stored").exists():
        with reading(run_dir=folder / "stored" / "one"):
            pass
    with reading() as system:
        panel = PANELS[kind](system, folder)
        yield system, panel
        ended(panel)


def ended(panel: Panel) -> None:
    if isinstance(panel, Benchmarks) and panel.background is not None:
        panel.background.cancel()
        panel.wait(LONGEST_S)
    panel.close()


def acts(system: PerformanceSystem, panel: Panel) -> dict[str, Callable[[], object]]:
    """Return all that a hand, a program or time can do to a panel."""
    pairs = 10 + next(numbers) % 50
    found: dict[str, Callable[[], object]] = {
        "wait": lambda: None,
        "config": lambda: setattr(system, "config", SMALL.replace(benchmark={"pairs": pairs})),
    }
    for place, part in enumerate(parts(panel.widget)):
        if isinstance(part, ipywidgets.Button):
            found[f"press {part.tooltip}"] = part.click
        elif isinstance(part, Form):
            found[f"edit {place}"] = functools.partial(edit, part)
            found[f"hurry {place}"] = functools.partial(edit, part, in_a_hurry=True)
        elif isinstance(part, Listing):
            found[f"pick {place}"] = functools.partial(pick, part)
        elif isinstance(part, Look):
            found["show"] = functools.partial(part._handle_custom_msg, Look.SHOWN, [])
    return found


def edit(form: Form, *, in_a_hurry: bool = False) -> None:
    """Set the last control of a form to something else, as its page does."""
    field = form.fields[-1]
    before = form.values[field["path"]]
    options: list[object] = [not before] if field["kind"] == "switch" else list(field["options"])
    others = [option for option in options if before not in (option, [option])] or [f"{next(numbers)}"]
    value = [others[0]] if isinstance(before, list) else others[0]
    edits = {"values": {field["path"]: value}, "id": f"page-{next(numbers)}"}
    if in_a_hurry:
        form._handle_custom_msg({"edits": edits}, [])
    else:
        form.edits = edits


def pick(listing: Listing) -> None:
    found = re.search(r'data-pick="([^"]*)"', listing.html)
    if found is not None:
        listing.pick(unescape(found[1]))


def settle(panel: Panel) -> None:
    """Wait until what runs behind a panel has been called once more."""
    if hasattr(panel, "settle"):
        assert panel.settle(LONGEST_S)
    else:
        time.sleep(0.7)


def triggers(system: PerformanceSystem, panel: Panel, guards: Guards) -> dict[int, str]:
    """Return by which act each callback is called, by its place among those of the panel."""
    found: dict[int, str] = {}
    for name, act in acts(system, panel).items():
        before = [guard.calls for guard in guards]
        act()
        settle(panel)
        called = [place for place, calls in enumerate(before) if guards[place].calls > calls]
        found = {**dict.fromkeys(called, name), **found}
    return found


@pytest.mark.parametrize("kind", PANELS)
def test_a_fault_in_each_callback_is_one_line(
    kind: str, tmp_path: Path, guards: Guards, capfd: pytest.CaptureFixture[str]
) -> None:
    with shown(kind, tmp_path) as (system, panel):
        settle(panel)
        found = triggers(system, panel, guards)
    at_the_start = [place for place, guard in enumerate(guards) if place not in found]
    guards.clear()
    with shown(kind, tmp_path) as (system, panel):
        for place, name in found.items():
            prepare(panel)
            guards[place].is_broken = True
            panel.say("")
            acts(system, panel)[name]()
            assert status(panel) == ONE_LINE, f"{guards[place].name} by {name}"
            guards[place].is_broken = False
    for place in at_the_start:
        guards.clear()
        guards.early = frozenset([place])
        with shown(kind, tmp_path) as (_, panel):
            assert status(panel) == ONE_LINE, guards[place].name
    assert capfd.readouterr() == ("", "")


def prepare(panel: Panel) -> None:
    """Bring a panel to where all of it can be used."""
    settle(panel)
    if isinstance(panel, Explorer) and not panel.selected:
        pick(panel.runs)
        settle(panel)
    if isinstance(panel, Benchmarks) and panel.background is not None:
        panel.background.cancel()
        panel.wait(LONGEST_S)


def status(panel: Panel) -> str:
    """Return what a panel says, once it says that something failed."""
    end = time.monotonic() + LONGEST_S
    while not said(panel).startswith("✗") and time.monotonic() < end:
        time.sleep(0.01)
    return said(panel)


@pytest.mark.parametrize("kind", PANELS)
def test_no_callback_is_registered_without_a_guard(
    kind: str, tmp_path: Path, guards: Guards, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Callable[..., Any]] = []
    monkeypatch.setattr(PerformanceSystem, "on", lambda _, __, listener: heard.append(listener) or (lambda: None))
    with shown(kind, tmp_path) as (_, panel):
        of_widgets = [callback for part in parts(panel.widget) for callback in callbacks(part)]
        of_threads = [one._draw for one in vars(panel).values() if isinstance(one, Latest)]
        of_threads += [one._look for one in vars(panel).values() if isinstance(one, Following)]
        known = {guard.call for guard in guards}
        assert of_widgets
        assert of_threads
        assert [one for one in (*of_widgets, *of_threads, *heard) if one not in known] == []


def callbacks(widget: Any) -> Iterator[Callable[..., Any]]:
    """Yield what perflab has a widget call: for changes of its traits, for clicks, for messages."""
    observers = [one for kinds in widget._trait_notifiers.values() for named in kinds.values() for one in named]
    dispatchers = [getattr(widget, name, None) for name in ("_click_handlers", "_msg_callbacks")]
    handlers = [one for dispatcher in dispatchers if dispatcher for one in dispatcher.callbacks]
    for one in (*observers, *handlers):
        if getattr(one, "__module__", "").startswith(("perflab", "test")):
            yield one


@pytest.mark.parametrize("kind", PANELS)
def test_what_no_page_of_ours_would_send_is_one_line_too(kind: str, tmp_path: Path) -> None:
    with shown(kind, tmp_path) as (_, panel):
        for part in parts(panel.widget):
            if isinstance(part, Form):
                for edits in ({"id": "page-0"}, {"values": 7, "id": "page-1"}, {"values": {}}):
                    panel.say("")
                    part.edits = edits
                    assert status(panel).startswith("✗"), edits
            elif isinstance(part, Listing):
                for picked in ({"count": 1}, {"pick": "<nonsense>", "count": 2}):
                    panel.say("")
                    part.picked = picked
                    assert status(panel).startswith("✗"), picked
