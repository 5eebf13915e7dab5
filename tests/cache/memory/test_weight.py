"""Weights: every part of a value is counted, once, and cycles end."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perflab.cache import entry_weight, weight


class Slotted:
    __slots__ = ("__hidden", "shown")

    def __init__(self) -> None:
        self.shown = b"x" * 1_000
        self.__hidden = b"y" * 2_000


@pytest.mark.parametrize("value", [None, True, 7, 1.5, "text", b"bytes", 10**100])
def test_leaves_weigh_what_the_interpreter_says(value: object) -> None:
    assert weight(value) == sys.getsizeof(value)


def test_containers_weigh_their_parts_once() -> None:
    part = b"x" * 10_000
    assert weight([part, part]) == sys.getsizeof([1, 2]) + sys.getsizeof(part)
    assert weight({"k": (part,)}) > 10_000


def test_a_cycle_ends() -> None:
    ring: list[object] = []
    ring.append({"ring": ring})
    assert 0 < weight(ring) < 2_000


def test_deep_nesting_does_not_recurse() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert weight(deep) > 100_000 * 56


def test_attributes_and_slots_count() -> None:
    class Plain:
        def __init__(self) -> None:
            self.data = b"x" * 5_000

    assert 5_000 < weight(Plain()) < 8_000
    assert 3_000 < weight(Slotted()) < 4_000


def test_arrays_frames_and_tables_count_their_buffers() -> None:
    array = np.zeros(10_000)
    assert 80_000 <= weight(array) < 81_000
    assert weight(array[:1]) >= 80_000, "a view keeps its whole base alive"
    assert weight(np.broadcast_to(np.zeros(1), (1_000_000,))) < 1_000
    frame = pd.DataFrame({"a": np.zeros(10_000)})
    assert weight(frame) >= 80_000
    assert weight(frame["a"]) >= 80_000
    assert weight(pa.table({"a": np.zeros(10_000)})) >= 80_000
    assert weight(np.array([b"x" * 5_000, None], dtype=object)) > 5_000


def test_an_entry_costs_more_than_its_value() -> None:
    assert entry_weight("key", None) > weight("key") + weight(None)
