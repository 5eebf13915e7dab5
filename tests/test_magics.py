"""The magics in a shell of their own, as a notebook has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from perflab import Config, PerformanceSystem
from perflab.present.shown import Shown

QUIET = Config(cache={"l3_enabled": False}, enable_auto_optimization=False, resource_monitoring={"enabled": False})


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    made = InteractiveShell()
    made.run_line_magic("load_ext", "perflab")
    with PerformanceSystem(QUIET) as system:
        made.user_ns["system"] = system
        yield made
    made.history_manager.end_session()


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr("perflab.magics.display", found.append)
    return found


def test_a_cell_is_an_operation_and_its_value_comes_back(shell: InteractiveShell, displayed: list[Any]) -> None:
    value = shell.run_cell_magic(
        "perflab", 'record --name sum --budget "time < 1 min, memory < 100 GB"', "x = 2\nx + 1"
    )
    assert (value, shell.user_ns["x"]) == (3, 2)
    operations = shell.user_ns["system"].frames.operations
    assert operations[["name", "ok"]].values.tolist() == [["sum", True]]
    (judged,) = displayed
    assert repr(judged).count("✓ pass") == 2
    assert "Operation sum" in judged._repr_html_()


def test_a_budget_that_is_not_kept_fails_in_words(shell: InteractiveShell, displayed: list[Any]) -> None:
    source = "held = bytearray(60_000_000)\nlen(held)"
    shell.run_cell_magic("perflab", 'record --budget "time < 1 min, memory < 1 MB"', source)
    shown = repr(displayed[0])
    assert "✓ pass" in shown
    assert "✗ fail" in shown


@pytest.mark.parametrize("error", [ZeroDivisionError, ValueError, UsageError])
def test_what_the_cell_raises_stays_what_it_is(
    shell: InteractiveShell, displayed: list[Any], error: type[Exception]
) -> None:
    shell.user_ns["error"] = error
    with pytest.raises(error, match="my own"):
        shell.run_cell_magic("perflab", "record --name broken", "raise error('my own')")
    assert shell.user_ns["system"].frames.operations["ok"].tolist() == [False]
    assert len(displayed) == 1


def test_magics_inside_of_a_recorded_cell_work(shell: InteractiveShell, displayed: list[Any]) -> None:
    assert shell.run_cell_magic("perflab", "record", "where = %pwd\nwhere") == str(Path.cwd())
    assert len(displayed) == 1


def test_two_cells_are_compared(shell: InteractiveShell) -> None:
    shell.user_ns["numbers"] = list(range(5_000))
    cell = (
        "sum([number for number in numbers])\n# versus\ntotal = 0\nfor number in numbers:\n    total += number\ntotal"
    )
    result = shell.run_cell_magic("perflab", "compare --pairs 8 --budget-s 30", cell)
    assert result.verdict in ("faster", "slower", "same", "unclear")
    assert set(result.run.frames.samples["output_digest"].dropna()) == {result.run.frames.samples["output_digest"][0]}
    assert "total" not in shell.user_ns


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        ("nonsense", None, "invalid choice"),
        ("record --name", "1", "expected one argument"),
        ('record --budget "speed < 2 s"', "1", "a cell has time and memory"),
        ('record --budget "time < 2 MB"', "1", "wrong unit"),
        ('record --budget "time about 2 s"', "1", "time about 2 s"),
        ("compare", "1\n2", "0 lines '# versus'"),
        ("compare", "1\n# versus\n", "is empty"),
        ("compare", "1\n# versus\n1 +", "no Python that can run alone"),
        ("targets --system other", None, "'other' is no system"),
        ('record "', "1", "No closing quotation"),
    ],
)
def test_wrong_use_is_one_sentence(shell: InteractiveShell, line: str, cell: str | None, said: str) -> None:
    magic = partial(shell.run_line_magic, "perflab", line)
    if cell is not None:
        magic = partial(shell.run_cell_magic, "perflab", line, cell)
    with pytest.raises(UsageError, match=said):
        magic()


def test_the_state_is_the_system_of_the_notebook(shell: InteractiveShell) -> None:
    assert shell.run_line_magic("perflab", "") is shell.user_ns["system"]
    assert shell.run_line_magic("perflab", "status --system system") is shell.user_ns["system"]


def test_of_several_systems_one_must_be_chosen(shell: InteractiveShell) -> None:
    with PerformanceSystem(QUIET) as other:
        shell.user_ns["other"] = shell.user_ns["same"] = other
        with pytest.raises(UsageError, match="choose one with --system"):
            shell.run_line_magic("perflab", "status")
        assert shell.run_line_magic("perflab", "status --system same") is other


def test_without_a_system_one_is_made(shell: InteractiveShell, made_systems: list[PerformanceSystem]) -> None:
    del shell.user_ns["system"]
    first = shell.run_line_magic("perflab", "status")
    made_systems.append(first)
    assert isinstance(first, PerformanceSystem)
    assert shell.run_line_magic("perflab", "status") is first


@pytest.fixture
def made_systems() -> Iterator[list[PerformanceSystem]]:
    made: list[PerformanceSystem] = []
    yield made
    for system in made:
        system.close()


def test_targets_and_report(shell: InteractiveShell, tmp_path: Path) -> None:
    shown = shell.run_line_magic("perflab", "targets")
    assert isinstance(shown, Shown)
    assert "cache.hit_rate" in repr(shown)
    shell.run_line_magic("perflab", f"report {tmp_path / 'out.html'}")
    assert (tmp_path / "out.html").read_text().startswith("<!DOCTYPE html>")
    with pytest.raises(UsageError, match="a report is one of"):
        shell.run_line_magic("perflab", f"report {tmp_path / 'out.pdf'}")


def test_loading_is_all_that_is_needed() -> None:
    import perflab

    registered: list[Callable[..., Any]] = []

    class Shell:
        def register_magics(self, magics: Callable[..., Any]) -> None:
            registered.append(magics)

    perflab.load_ipython_extension(Shell())  # type: ignore[arg-type]
    assert [magics.__name__ for magics in registered] == ["PerflabMagics"]
