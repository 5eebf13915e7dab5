"""Every fault of the table has a test, every file of this folder causes some, and the figures add up."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_table import FAULTS
from tally import Tally

TESTS = sorted(path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))


def named(node: ast.AST) -> Iterator[str]:
    """Yield the faults that marks below a node name."""
    for found in ast.walk(node):
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Attribute) and found.func.attr == "fault":
            yield ast.literal_eval(found.args[0])


def test_every_fault_has_a_test() -> None:
    assert {fault for path in TESTS for fault in named(ast.parse(path.read_text()))} == set(FAULTS)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_file_causes_faults(path: Path) -> None:
    assert list(named(ast.parse(path.read_text())))


def report(fault: str, outcome: str, when: str = "call") -> pytest.TestReport:
    why = ("file.py", 1, "mount is not permitted here") if outcome == "skipped" else None
    return pytest.TestReport(
        f"file.py::test_{when}",
        ("file.py", 1, "test"),
        {},
        outcome,  # type: ignore[arg-type]  # one of three words
        why,
        when,  # type: ignore[arg-type]
        user_properties=[("fault", fault)],
    )


def test_the_figures_count_faults() -> None:
    tally = Tally()
    for made in (
        *(report("disk full at open", "passed", when) for when in ("setup", "call", "teardown")),
        report("disk full at open", "skipped", "setup"),
        report("fsync error", "passed"),
        report("fsync error", "failed", "teardown"),
        report("loader raises", "skipped"),
    ):
        tally.pytest_runtest_logreport(made)
    assert tally.lines() == [
        "survived      disk full at open (tests: 1; mount is not permitted here)",
        "NOT SURVIVED  fsync error: test_teardown",
        "skipped       loader raises; mount is not permitted here",
        "2 caused, 1 survived, 1 skipped",
    ]
