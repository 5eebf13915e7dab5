"""Calls that overlap, and facts that are asked for ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Any, cast

import pytest

from perflab.workloads.crossvalidate.ahead import SHARE_BYTES, FactsAhead
from perflab.workloads.overlap import overlapping
from perflab.workloads.reuse import Reuse


class FakeReuse:
    """Remembers which paths it was asked for, and in which shares."""

    def __init__(self) -> None:
        self.shares: list[list[str]] = []
        self.work = {"facts_computed": 1}

    def facts(self, paths: Iterable[str]) -> list[dict[str, str]]:
        self.shares.append(list(paths))
        return [{"path": path} for path in self.shares[-1]]


def test_results_come_in_order_from_no_more_calls_at_once_than_allowed() -> None:
    both = threading.Barrier(2)
    running: list[int] = []
    most = 0

    def call(number: int) -> int:
        nonlocal most
        running.append(number)
        both.wait(10)  # passes only while two calls overlap
        most = max(most, len(running))
        both.wait(10)
        running.remove(number)
        return number * number

    assert list(overlapping(call, range(6), 2)) == [0, 1, 4, 9, 16, 25]
    assert most == 2


def test_an_error_ends_what_has_not_begun() -> None:
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        time.sleep(0.2 * (number > 1))
        return 1 // (number - 1)

    results = overlapping(call, range(1_000), 1)
    assert next(results) == -1
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(begun) < 50


def test_facts_are_asked_for_once_and_as_soon_as_there_is_a_share_of_them() -> None:
    reuse = FakeReuse()
    sizes = {"a": SHARE_BYTES - 1, "b": 1, "c": 5}
    with FactsAhead(lambda: cast("Reuse", reuse), sizes, 1) as ahead:
        ahead.want(["a"])
        assert reuse.shares == []
        ahead.want(["b", "a"])
        ahead.want({"c", "b"})
        found: dict[str, Any] = dict(ahead.all())
        assert found == {path: {"path": path} for path in sizes}
        assert ahead.work == reuse.work
    assert reuse.shares == [["a", "b"], ["c"]]


def test_facts_that_nobody_wants_cost_nothing() -> None:
    def never() -> Reuse:
        raise AssertionError

    with FactsAhead(never, {}, 2) as ahead:
        ahead.want([])
        assert (ahead.all(), ahead.work) == ({}, {})
