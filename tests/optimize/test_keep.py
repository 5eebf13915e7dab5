"""The thread that looks at what was applied: only with the turn, only while something is watched, not in a child."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from perflab.optimize.keep import Keeper
from perflab.optimize.single import OneAtATime

POLL_S = 0.005


class Watched:
    """Something to look at, whose look does this and ends the watch."""

    def __init__(self, look: Callable[[], list[Any]] = lambda: [{"verdict": "kept"}]) -> None:
        self.watching: object | None = object()
        self.due = True
        self._look = look

    def review(self) -> list[Any]:
        self.forget()
        return self._look()

    def forget(self) -> None:
        self.watching, self.due = None, False


@pytest.fixture
def recorded() -> list[Any]:
    return []


@pytest.fixture
def single() -> OneAtATime:
    return OneAtATime()


def keeper_of(single: OneAtATime, recorded: list[Any], *kept: Watched) -> Keeper:
    """A keeper that watches these since it was made."""
    keeper = Keeper(kept, single, recorded.extend, poll_s=POLL_S)
    keeper.wake()
    return keeper


def ended(keeper: Keeper) -> bool:
    thread = keeper._thread
    if thread is not None:
        thread.join(20)
    return keeper._thread is None


def test_it_waits_for_the_turn_then_looks_at_all_records_and_ends(single, recorded):
    with single.turn():
        keeper = keeper_of(single, recorded, Watched(), Watched(lambda: [{"verdict": "rolled back"}]))
        keeper._thread.join(20 * POLL_S)
        assert recorded == []
    assert ended(keeper)
    assert [row["verdict"] for row in recorded] == ["kept", "rolled back"]
    assert not any(thread.name == "perflab-keeper" for thread in threading.enumerate())


def test_without_anything_to_watch_there_is_no_thread(single, recorded):
    watched = Watched()
    watched.forget()
    assert keeper_of(single, recorded, watched)._thread is None


def test_a_look_that_raises_is_one_warning_and_the_others_are_taken(single, recorded, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("perflab.optimize.keep.warnings.warn", lambda text, *_, **__: told.append(text))

    def broken() -> list[Any]:
        raise OSError("no disk")

    keeper = keeper_of(single, recorded, Watched(broken), Watched(broken), Watched())
    assert ended(keeper)
    assert told == ["A setting could not be watched: OSError('no disk')."]
    assert len(recorded) == 1


def test_no_look_begins_while_it_is_paused(single, recorded):
    keeper = Keeper((Watched(),), single, recorded.extend, poll_s=POLL_S)
    with keeper.paused():
        keeper.wake()
        keeper._thread.join(20 * POLL_S)
        assert recorded == []
    assert ended(keeper)
    assert len(recorded) == 1


def test_a_closed_one_looks_no_more(single, recorded):
    watched = Watched()
    watched.due = False
    keeper = keeper_of(single, recorded, watched)
    keeper.close()
    watched.due = True
    keeper.wake()
    assert (keeper._thread, recorded) == (None, [])


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_watches_nothing(single, recorded):
    watched = Watched()
    watched.due = False
    keeper = keeper_of(single, recorded, watched)
    child = os.fork()
    if not child:
        os._exit(0 if watched.watching is None and keeper._thread is None else 1)
    _, status = os.waitpid(child, 0)
    keeper.close()
    assert os.waitstatus_to_exitcode(status) == 0
    assert watched.watching is not None
