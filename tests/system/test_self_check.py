"""The self-check: known truths hold here, and one that does not is told."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from perflab.cli.app import app
from perflab.system import self_check as checked
from perflab.system.self_check import Check, checks_frame, self_check


def test_every_truth_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked, "trials", lambda count, *_, **options: real(count, 1.0, pairs=8, **options))
    found = checks_frame(self_check(1)).set_index("name")
    assert list(found.index) == [
        "false alarms",
        "misses",
        "memory of a known allocation",
        "hit rate of a known trace",
        "own cost of an operation",
        "own cost of a hit",
    ]
    assert found["found"]["hit rate of a known trace"] == "95.0%"
    assert found["passed"][["memory of a known allocation", "hit rate of a known trace"]].all()


real = checked.trials


@pytest.mark.parametrize(("alarms", "passed"), [(0, True), (3, True), (4, False), (20, False)])
def test_more_alarms_than_chance_allows_fail(alarms: int, passed: bool) -> None:
    assert checked._alarms(alarms, 20).passed == passed


@pytest.mark.parametrize(("found", "passed"), [(20, True), (13, True), (12, False)])
def test_fewer_finds_than_chance_allows_fail(found: int, passed: bool) -> None:
    assert checked._found(found, 20).passed == passed


def test_the_command_says_whether_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    for passed, code, said in ((True, 0, "can be trusted"), (False, 1, "Do not trust results here: memory went wrong")):
        monkeypatch.setattr(checked, "self_check", lambda passed=passed, **_: [Check("memory", "a", "b", passed)])
        result = CliRunner().invoke(app, ["benchmark", "--self-check"], env={"COLUMNS": "200"})
        assert (result.exit_code, said in result.output) == (code, True)
