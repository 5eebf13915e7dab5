"""Fetching what nobody has asked for: from disk, by a loader, and never against the program."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiered_cases import events, make

from perflab.cache.tiers.ahead import Reload, Reloads
from perflab.cache.tiers.terms import Terms


def reload(value="ahead", **terms):
    return Reload(lambda: value, Terms(**terms, side_effect_free=True))


def test_disk_is_asked_before_the_loader(tmp_path: Path):
    with make(20, 20, disk=tmp_path) as cache:
        cache.l3.set("a", "from disk")
        assert cache.ahead.fetch("a", reload()).outcome == "came"
        assert cache.l1["a"] == "from disk"
        assert cache.ahead.fetch("b", reload()).outcome == "came"
        assert (cache.l1["b"], cache.l3["b"]) == ("ahead", "ahead")
        assert [event for _, event, _ in events(cache) if event != "set"] == ["prefetch", "load", "prefetch"]


def test_without_disk_and_loader_there_is_nothing(tmp_path: Path):
    with make(20, 20, disk=tmp_path) as cache:
        assert cache.ahead.fetch("a") == ("gone", 0)
        assert events(cache) == []


def test_what_memory_has_or_somebody_loads_is_left_alone():
    with make(20, 20) as cache:
        cache["a"] = "x"
        assert cache.ahead.fetch("a", reload()).outcome == "in memory"
        found = []
        cache.get_or_load("b", lambda: found.append(cache.ahead.fetch("b", reload()).outcome) or "x")
        assert found == ["in memory"]


@pytest.mark.parametrize("act", ["set", "delete", "clear", "load"])
def test_what_the_program_does_meanwhile_wins(tmp_path: Path, act: str):
    with make(20, 20, disk=tmp_path) as cache:

        def loader():
            if act == "set":
                cache["a"] = "mine"
            elif act == "load":
                cache.get_or_load("a", lambda: "mine")
            elif act == "delete":
                cache["a"] = "x"
                del cache["a"]
            else:
                cache.clear()
            return "ahead"

        found = cache.ahead.fetch("a", Reload(loader, Terms()))
        assert found.outcome == "late"
        assert cache.get("a") == ("mine" if act in ("set", "load") else None)
        assert cache.l3.get("a") == ("mine" if act in ("set", "load") else None)
        rows = cache.recorder.frames.accesses
        (row,) = rows[rows["event"] == "prefetch"].to_dict("records")
        assert (row["tier"] in ("l1", "l2"), row["reason"]) == (False, "late")


def test_a_limit_takes_only_free_room():
    with make(2, 0) as cache:
        cache["a"] = "x"
        assert cache.ahead.fetch("b", reload("xx"), "warm", 10).outcome == "no room"
        assert cache.ahead.fetch("b", reload("x"), "warm", 0).outcome == "no room"
        assert cache.ahead.fetch("b", reload("x"), "warm", 10).outcome == "came"
        assert list(cache.l1) == ["a", "b"]


def test_terms_go_with_the_value(tmp_path: Path):
    with make(20, 20, disk=tmp_path) as cache:
        cache.ahead.fetch("a", reload(ttl=60, cost=7, tags=("t",), tier="l1"))
        assert (cache.ttl("a"), cache._tiers.peek("a").facts.cost, "a" in cache.l3) == (60, 7, False)
        assert cache.invalidate(tag="t") == 1


def test_an_error_of_the_loader_leaves_nothing_behind():
    with make(20, 20) as cache:

        def loader():
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            cache.ahead.fetch("a", Reload(loader, Terms()))
        assert not cache._tiers._fetching
        assert events(cache) == []


def test_of_too_many_loaders_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("perflab.cache.tiers.ahead._MOST_RELOADS", 2)
    reloads = Reloads()
    for key in (1, 2, 1, True):
        reloads.note(key, reload(key))
    assert [reloads.find(key) is not None for key in (1, 2, True)] == [True, False, True]


@pytest.mark.parametrize("policy", ["through", "back", "around"])
def test_every_write_policy_keeps_what_was_loaded_ahead(tmp_path: Path, policy: str):
    with make(20, 20, disk=tmp_path) as cache:
        cache.write_policy = policy
        assert cache.ahead.fetch("a", reload()).outcome == "came"
        assert cache.l1["a"] == "ahead"
    with make(20, 20, disk=tmp_path) as cache:
        assert cache.get("a") == "ahead"
