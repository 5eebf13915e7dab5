from __future__ import annotations

import subprocess
import sys
import threading

from panels import said

from perflab import compiled
from perflab.widgets.controls import Controls
from perflab.widgets.following import Following
from perflab.widgets.panel import Panel
from perflab.widgets.redraw import Latest


def test_of_many_wishes_the_first_and_the_last_are_drawn() -> None:
    begun, go_on, drawn = threading.Event(), threading.Event(), list[int]()

    def draw(wish: int) -> None:
        begun.set()
        assert go_on.wait(10)
        drawn.append(wish)

    latest = Latest(draw)
    latest.want(0)
    assert begun.wait(10)
    for wish in range(1, 2_000):
        latest.want(wish)
    go_on.set()
    assert latest.wait(10)
    assert drawn == [0, 1_999]


def test_a_drawing_that_fails_is_told_and_the_next_one_is_drawn() -> None:
    panel, drawn = Panel("Any", "any"), list[int]()

    def draw(wish: int) -> None:
        drawn.append(10 // wish)

    latest = Latest(panel.guarded(draw))
    for wish in (0, 5):
        latest.want(wish)
        assert latest.wait(10)
    assert drawn == [2]
    assert said(panel).startswith("✗ ZeroDivisionError")


def test_nothing_is_left_running_when_all_is_drawn() -> None:
    before = threading.active_count()
    latest = Latest(lambda _: None)
    latest.want(1)
    assert latest.wait(10)
    for thread in threading.enumerate():
        if thread.name == "perflab-redraw":
            thread.join(10)
    assert threading.active_count() <= before


def test_what_is_waited_for_is_told_until_it_is_there() -> None:
    panel, seen = Panel("Any", "any"), list[str]()
    panel.say("before")
    with panel.telling():
        compiled._listeners[-1]("compiling")
        seen.append(said(panel))
    seen.append(said(panel))
    with panel.telling():
        compiled._listeners[-1]("compiling")
        panel.say("pressed meanwhile")
    assert [*seen, said(panel)] == ["compiling", "before", "pressed meanwhile"]


def test_looking_goes_on_after_a_failing_look_and_ends_when_it_is_stopped() -> None:
    panel, looks, waits = Panel("Any", "any"), list[int](), list[float]()
    following: Following

    def look() -> bool:
        looks.append(1)
        if len(looks) == 1:
            raise OSError("not now")
        if len(looks) == 3:
            following.stop()
        return True

    def wait(event: threading.Event, seconds: float) -> bool:
        waits.append(seconds)
        return event.is_set()

    following = Following(panel.guarded(look), lambda: 7.0, wait=wait)
    following.start()
    following.join(10)
    assert not following.is_on
    assert (len(looks), said(panel), waits) == (3, "✗ OSError: not now", [7.0] * 3)


def test_who_begins_anew_while_the_last_look_is_under_way_is_followed() -> None:
    following: Following
    looks = list[int]()

    def look() -> bool:
        looks.append(1)
        if len(looks) == 1:
            following.start()
        return False

    following = Following(look, lambda: 0.0)
    following.start()
    following.join(10)
    assert (len(looks), following.is_on) == (2, False)


DRAWING = """
import time
import pyarrow as pa
from perflab.record.dataframe import values
from perflab.widgets.following import Following
from perflab.widgets.redraw import Latest

texts = [pa.array([f"text {number}" for number in range(20_000)]) for _ in range(4)]

def draw(wish):
    for _ in range(30):
        values(pa.string(), 80_000, texts)
    print(wish, flush=True)

latest, following = Latest(draw), Following(lambda: draw("looked") is None, lambda: 0.0)
latest.want("drawn")
following.start()
time.sleep(0.1)
"""


def test_a_program_that_ends_while_a_panel_draws_waits_for_it() -> None:
    ended = subprocess.run([sys.executable, "-c", DRAWING], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "drawn" in ended.stdout


def test_what_a_page_sent_in_a_hurry_is_not_undone_by_what_it_sent_before() -> None:
    controls = Controls({"a": {"type": "integer", "default": 1}}, lambda: None, Panel("Any", "any"))
    controls.form.edits = {"values": {"a": "2"}, "id": "form-1"}
    controls.form._handle_custom_msg({"edits": {"values": {"a": "4"}, "id": "form-3"}}, [])
    assert (controls.values, controls.form.answered) == ({"a": 4}, "form-3")
    controls.form.edits = {"values": {"a": "3"}, "id": "form-2"}
    assert (controls.values, controls.form.answered) == ({"a": 4}, "form-3")
    controls.form.edits = {"values": {"a": "5"}, "id": "other-1"}
    assert controls.values == {"a": 5}


def test_whole_numbers_are_whole() -> None:
    pairs = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 200}, {"type": "null"}], "default": None}
    controls = Controls({"pairs": pairs}, lambda: None, Panel("Any", "any"))
    controls.form.put("pairs", "2.5")
    assert controls.form.messages == {"pairs": "'2.5' is no whole number; write one such as 8."}
    controls.form.put("pairs", "2.0")
    assert controls.values == {"pairs": 2}


def test_an_edit_of_the_browser_changes_its_own_field_alone_and_is_answered() -> None:
    schemas = {"a": {"type": "integer", "default": 1}, "b": {"type": "integer", "default": 2}}
    controls = Controls(schemas, lambda: None, Panel("Any", "any"))
    controls.form.put("b", "5")
    controls.form.edits = {"values": {"a": "7"}, "id": "form-1"}
    assert controls.values == {"a": 7, "b": 5}
    assert controls.form.answered == "form-1"
    controls.form.edits = {"values": {"a": "seven"}, "id": "form-2"}
    assert controls.values == {"a": 7, "b": 5}
    assert controls.form.answered == "form-2"
    assert controls.form.messages == {"a": "'seven' is no number; write one such as 1."}
