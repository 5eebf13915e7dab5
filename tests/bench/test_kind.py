"""Which clock is judged."""

from __future__ import annotations

import pytest

from perflab.bench.kind import kind_of


def row(arm: str, wall: float, cpu: float, waited: float | None = 0.0) -> dict[str, object]:
    return {"arm": arm, "wall_s": wall, "cpu_s": cpu, "waited_s": waited}


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ([row("a", 1.0, 0.99), row("b", 1.0, 0.97)], "cpu"),
        ([row("a", 2.0, 1.0, 0.98), row("b", 1.0, 0.97)], "cpu"),  # beside a program that takes half of the core
        ([row("a", 1.0, 0.99), row("b", 1.0, 0.2)], "wall"),  # one of them waits
        ([row("a", 1.0, 1.9), row("b", 1.0, 1.9)], "wall"),  # on two cores
        ([row("a", 1.0, 0.5, 0.9)], "cpu"),  # the wait began before the clock did
        ([row("a", 1.0, 0.97, None)], "cpu"),
        ([row("a", 1.0, 0.99), row("a", 1.0, 0.1), row("a", 1.0, 0.98)], "cpu"),  # the median
        ([], "wall"),
    ],
)
def test_work_on_one_core_is_judged_by_its_cpu_time(rows, kind):
    assert kind_of(rows) == kind
