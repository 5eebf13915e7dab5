"""`perflab benchmark --chaos`: the table, the JSON and the exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from spoken import answered, said

OWN = """
def careful(system):
    return [system.cache.get_or_load(key, lambda: key * 2) for key in range(20)]


def careless(system):
    found = []
    for key in range(20):
        try:
            found.append(system.cache.get_or_load(key, lambda: key * 2))
        except Exception:
            pass
    return found
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pipelines_of_mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_a_function_that_survives_ends_with_0() -> None:
    code, answer = answered("benchmark", "--baseline", "pipelines_of_mine:careful", "--chaos=loader-raises,disk-full")
    assert (code, answer["survived"]) == (0, True)
    assert [row["fault"] for row in answer["faults"]] == ["loader-raises", "disk-full"]
    assert all(row["caused"] for row in answer["faults"])


def test_one_that_does_not_ends_with_1_and_is_named() -> None:
    code, text, _ = said("benchmark", "--baseline", "pipelines_of_mine:careless", "--chaos", "loader-raises")
    assert code == 1
    assert "NO" in text
    assert "Not survived: loader-raises." in text


def test_nothing_that_could_be_caused_ends_with_3() -> None:
    assert answered("benchmark", "--baseline", "pipelines_of_mine:careful", "--chaos=worker-killed")[0] == 3


def test_a_wrong_name_ends_with_2() -> None:
    assert answered("benchmark", "--chaos=earthquake")[0] == 2
    assert answered("benchmark", "--baseline", "careful", "--chaos=disk-full")[0] == 2


def test_without_names_all_faults_are_caused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr("perflab.cli.chaos.run", lambda *arguments: asked.append(arguments[0]))
    said("benchmark", "--chaos")
    said("benchmark", "--chaos", "--json")
    said("benchmark", "--chaos", "disk-full", "--json")
    assert asked == ["all", "all", "disk-full"]


def test_a_built_in_workload_survives_a_full_disk(tmp_path: Path) -> None:
    source = tmp_path / "shop"
    source.mkdir()
    for name in ("orders", "parts"):
        (source / f"{name}.py").write_text(f'"""The {name}."""\n\n\ndef find(number):\n    return number\n')
    code, answer = answered("benchmark", "--workload", "cross-validation", "--source", source, "--chaos", "disk-full")
    assert (code, [row["survived"] for row in answer["faults"]]) == (0, [True])
