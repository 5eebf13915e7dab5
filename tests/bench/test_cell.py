"""Cells as arms: what travels with them, what they start from, what is refused."""

from __future__ import annotations

import threading
import types
from typing import Any

import pytest

from perflab import benchmark
from perflab.bench import Cell, run
from perflab.bench.cell import execute, ready
from perflab.bench.pair import pair_of
from perflab.errors import BenchmarkError
from perflab.record import Recorder


def value_of(code: str, namespace: dict[str, Any] | None = None) -> Any:
    return execute(**ready(**Cell(code, namespace or {}).arguments))


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1 + 1", 2),
        ("x = 3", None),
        ("x = 3\nx * n", 30),
        ("def area(r):\n    return n * r\n[area(r) for r in range(3)]", [0, 10, 20]),
        ("n += 1\nn", 11),
        ("import json\njson.dumps(n)  # as text\n", "10"),
        ("double(n)", 20),
        ("(lambda: (lambda: n)())()", 10),
        ("__name__", "__main__"),
    ],
)
def test_the_value_is_that_of_the_last_expression(code: str, value: object) -> None:
    assert value_of(code, {"n": 10, "double": lambda x: 2 * x, "_": threading.Lock()}) == value


def test_only_what_is_used_travels_with_what_that_needs() -> None:
    notebook: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock()}
    exec("rate = 3\ndef cost(n):\n    return n * rate\n", notebook)  # noqa: S102  # as a notebook does
    cell = Cell("sum(map(cost, range(4)))", notebook)
    assert cell.names == ("cost",)
    assert value_of("sum(map(cost, range(4)))", notebook) == 18


def test_a_cell_is_as_it_was_when_it_was_made() -> None:
    notebook = {"numbers": [1, 2, 3]}
    cell = Cell("numbers.append(4)\nnumbers", notebook)
    notebook["numbers"].clear()
    assert execute(**ready(**cell.arguments)) == [1, 2, 3, 4]
    assert execute(**ready(**cell.arguments)) == [1, 2, 3, 4]
    assert notebook == {"numbers": []}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("%time x", "no Python that can run alone"),
        ("await x", "no Python that can run alone"),
        ("x = (", "no Python that can run alone"),
        ("a\0b", "no Python that can run alone"),
        ("with lock:\n    pass", "uses 'lock', a lock, which cannot travel"),
    ],
)
def test_what_cannot_be_a_cell_is_refused_in_one_sentence(code: str, message: str) -> None:
    with pytest.raises(BenchmarkError, match=message):
        Cell(code, {"lock": threading.Lock(), "x": 1})


def test_two_cells_are_benchmarked_with_the_names_of_a_notebook() -> None:
    main = types.ModuleType("__main__")
    exec("numbers = list(range(3_000))\ndef squares():\n    return [n * n for n in numbers]\n", vars(main))  # noqa: S102  # as a notebook does
    slow = Cell("total = 0\nfor n in squares() * 20:\n    total += n\ntotal // 20", vars(main))
    result = benchmark(slow, Cell("sum(squares())", vars(main)), pairs=8)
    assert result.verdict == "faster"
    assert result.ratio < 0.9
    samples = result.run.frames.samples
    assert samples["output_digest"].nunique() == 1
    assert samples.groupby("arm", observed=True)["source_digest"].nunique().tolist() == [1, 1]
    assert samples["source_digest"].nunique() == 2


def test_neither_arm_sees_what_the_other_changed() -> None:
    notebook = {"numbers": [3, 1, 2]}
    sorts = Cell("numbers.sort()\nnumbers.append(0)\nlen(numbers) > 0", notebook)
    reads = Cell("numbers == [3, 1, 2]", notebook)
    recorder = Recorder()
    name, arms = pair_of(sorts, reads)
    found = run(name, arms, pairs=8, recorder=recorder, isolated=False, extend=False)
    assert len(found.rows) == 2 * (8 + 2)


def test_cells_that_give_different_values_do_not_count() -> None:
    with pytest.raises(BenchmarkError, match="gives another output"):
        benchmark(Cell("n", {"n": 1}), Cell("n + 1", {"n": 1}), pairs=8)


def test_a_cell_that_fails_is_named_with_its_cause() -> None:
    with pytest.raises(BenchmarkError, match="NameError: name 'missing' is not defined"):
        benchmark(Cell("1"), Cell("missing"), pairs=8)


def test_a_cell_has_no_setup() -> None:
    with pytest.raises(BenchmarkError, match="has no setup"):
        benchmark(Cell("1"), Cell("1"), setup="os:getcwd")
