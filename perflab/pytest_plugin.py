"""A pytest fixture that holds what a test measured against targets.

In: a run or a benchmark's result, and targets. Out: a failed test where one fails, a skipped one where one is unclear.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["perflab_targets", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting that name a file of targets."""
    said = "TOML file with a list `targets`, which the fixture perflab_targets judges"
    parser.getgroup("perflab").addoption("--perflab-targets", metavar="FILE", help=said)
    parser.addini("perflab_targets", said)


@pytest.fixture
def perflab_targets(request: pytest.FixtureRequest) -> Callable[..., pd.DataFrame]:
    """Return a function that judges targets and ends the test as they say.

    `perflab_targets(measured, "render.p95 < 10 ms", ...)` takes a run, a system or a benchmark's result, anything with
    `metrics()` or a `run` that has it. Without expressions, those of the file named by `--perflab-targets` or the
    setting `perflab_targets` are judged. The test fails if a target fails or is not measured; it is skipped, by name,
    if the interval holds the bound; else the frame of verdicts is returned.
    """

    def judge(measured: Any, *expressions: str) -> pd.DataFrame:
        from perflab.analyze import exit_code
        from perflab.analyze import judge as held_against

        targets = _targets(request.config, expressions)
        metrics = getattr(measured, "run", measured).metrics()
        found = held_against(metrics, targets)
        code = exit_code(found["verdict"])
        if code == 1:
            pytest.fail(_said(found, ("fail", "unavailable")), pytrace=False)
        if code == 3:
            pytest.skip(_said(found, ("unclear",)))
        return found

    return judge


def _targets(config: pytest.Config, expressions: tuple[str, ...]) -> Any:
    from perflab.analyze.targets import user_targets
    from perflab.system.own_targets import read_targets

    file = config.getoption("--perflab-targets") or config.getini("perflab_targets")
    if expressions or not file:
        if not expressions:
            raise pytest.UsageError("perflab_targets has no target; write one, or name a file by --perflab-targets")
        return user_targets(expressions, "test")
    return read_targets(config.rootpath / Path(str(file)))


def _said(found: pd.DataFrame, verdicts: tuple[str, ...]) -> str:
    from perflab.units import format_quantity

    rows = found[found["verdict"].isin(verdicts)].to_dict("records")
    return "; ".join(
        f"{row['verdict']}: {row['expression']}, measured {format_quantity(float(row['actual']), str(row['unit']))} "
        f"({row['how']})"
        for row in rows
    )
