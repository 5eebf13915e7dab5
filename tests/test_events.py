from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from perflab.errors import ConfigError
from perflab.events import Events
from perflab.record import Recorder


def test_listeners_get_the_payload_in_order_until_they_leave() -> None:
    events, heard = Events(), list[Any]()
    stop = events.on("file_optimized", lambda data: heard.append(("first", dict(data))))
    events.on("file_optimized", lambda data: heard.append(("second", dict(data))))
    events.emit("file_optimized", level=1)
    stop()
    events.emit("file_optimized", level=2)
    assert heard == [("first", {"level": 1}), ("second", {"level": 1}), ("second", {"level": 2})]


def emit_twice(events: Events) -> None:
    for usage in (3, 4):
        events.emit("cpu_warning", usage=usage)


def test_a_listener_that_raises_warns_once_and_harms_nobody() -> None:
    events, heard = Events(), list[int]()
    events.on("cpu_warning", lambda data: data["missing"])
    events.on("cpu_warning", lambda data: heard.append(data["usage"]))
    with pytest.warns(RuntimeWarning, match="listener of .cpu_warning.*raised KeyError") as warned:
        emit_twice(events)
    assert heard == [3, 4]
    assert len(warned) == 1


def test_each_failing_listener_has_a_warning_of_its_own() -> None:
    events, heard = Events(), list[str]()
    for text in ("one", "other"):
        events.on("cpu_warning", lambda data, text=text: [heard.append(text), data[text]])
    with pytest.warns(RuntimeWarning) as warned:
        emit_twice(events)
    assert heard == ["one", "other"] * 2
    assert len(warned) == 2


def test_an_interrupt_in_a_listener_is_not_swallowed() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    events = Events()
    events.on("cpu_warning", interrupt)
    with pytest.raises(KeyboardInterrupt):
        events.emit("cpu_warning")


def test_an_unknown_event_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'memory' is no event; the events are .*memory_warning"):
        Events().on("memory", print)
    with pytest.raises(ConfigError, match="'memory' is no event"):
        Events().emit("memory")


def test_every_event_is_a_row_also_without_listeners() -> None:
    recorder = Recorder()
    Events(recorder.add).emit("file_optimized", path="a.py", chunks=3)
    row = recorder.frames.events.iloc[0]
    assert row["name"] == "file_optimized"
    assert json.loads(row["payload"]) == {"path": "a.py", "chunks": 3}


def test_all_are_called_also_where_a_warning_is_an_error() -> None:
    events, heard = Events(), list[int]()
    events.on("cpu_warning", lambda data: data["missing"])
    events.on("cpu_warning", lambda data: heard.append(data["usage"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="raised KeyError"):
            events.emit("cpu_warning", usage=3)
    assert heard == [3]
