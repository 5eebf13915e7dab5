"""Which entries are worth their room, and what one process tells the next of that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.cache.tiers.worth import HEAT, Heat, heat_of, ranked, read_heat, worth, write_heat
from perflab.record import Recorder

NUMBERS = st.floats(0.01, 100)


@given(NUMBERS, NUMBERS, st.floats(0, 1), st.integers(1, 10**6))
def test_more_reads_higher_cost_fewer_bytes_and_later_reads_are_worth_more(uses, cost, age, nbytes):
    base = worth(Heat(uses, cost, age), nbytes, 1.0)
    assert worth(Heat(2 * uses, cost, age), nbytes, 1.0) > base
    assert worth(Heat(uses, 2 * cost, age), nbytes, 1.0) > base
    assert worth(Heat(uses, cost, age), 2 * nbytes, 1.0) < base
    assert worth(Heat(uses, cost, age / 2), nbytes, 1.0) >= base


def test_a_cost_that_nobody_knows_is_the_usual_one():
    entries = [(Heat(1, None, 0), 100), (Heat(1, 5.0, 0), 100), (Heat(1, 1.0, 0), 100), (Heat(1, 3.0, 0), 100)]
    assert ranked(entries) == [1, 0, 3, 2]


def test_equal_entries_keep_their_order():
    assert ranked([(Heat(), 10)] * 5) == [0, 1, 2, 3, 4]
    assert ranked([]) == []


def test_what_one_process_learned_the_next_one_adds_to(tmp_path: Path):
    write_heat(tmp_path, {"a": Heat(4, 0.5, 0.1), "b": Heat(8, None, 0.2)})
    assert read_heat(tmp_path) == {"a": Heat(4, 0.5, 0.1), "b": Heat(8, None, 0.2)}
    write_heat(tmp_path, {"b": Heat(1, None, 0.0), "c": Heat(1, 2.0, 0.0)})
    assert read_heat(tmp_path) == {"a": Heat(2, 0.5, 1.0), "b": Heat(5, None, 0.0), "c": Heat(1, 2.0, 0.0)}
    assert [path.name for path in tmp_path.iterdir()] == [HEAT]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "not json",
        '{"version": 2, "keys": {}}',
        '{"version": 1, "keys": 5}',
        '{"version": 1, "keys": {"a": 1}}',
    ],
)
def test_a_file_that_is_not_what_was_written_tells_nothing(tmp_path: Path, text: str):
    (tmp_path / HEAT).write_text(text)
    assert read_heat(tmp_path) == {}


@pytest.mark.parametrize("wrong", [[-1, 1, 0], [1, "x", 0], [True, 1, 0], [1, 1, float("nan")], [1, None, None]])
def test_numbers_that_cannot_be_are_left_out(tmp_path: Path, wrong: list[object]):
    (tmp_path / HEAT).write_text(json.dumps({"version": 1, "keys": {"bad": wrong, "good": [1, None, 0]}}))
    assert read_heat(tmp_path) == {"good": Heat(1, None, 0)}


def test_a_link_is_not_followed(tmp_path: Path):
    write_heat(tmp_path, {"a": Heat()})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / HEAT).symlink_to(tmp_path / HEAT)
    assert read_heat(tmp_path / "other") == {}


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path):
    write_heat(tmp_path / "gone", {"a": Heat()})
    assert read_heat(tmp_path / "gone") == {}


def test_of_a_recorder_without_rows_nothing_is_known():
    assert heat_of(Recorder().frames.accesses) == {}
