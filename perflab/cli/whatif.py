"""`perflab whatif TRACE`: hit rates by size and policy, and which cache to take.

In: a run folder or a trace file. Out: rates and a recommendation, perhaps a report.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from perflab.cli.answer import Answer, plain, rows
from perflab.cli.codes import Exit
from perflab.cli.console import aside
from perflab.cli.output import writable
from perflab.errors import ConfigError
from perflab.system.traces import read_trace
from perflab.system.what_if import POLICIES, RECOMMENDABLE, WhatIf

if TYPE_CHECKING:
    from perflab.analyze.recommend import Recommendation
    from perflab.trace import Trace

__all__ = ["run"]

_ROWS = 12
_COLUMNS = ("policy", "size", "hit_rate", "held_out", "saved_s")


def run(
    source: Path,
    target: float,
    policies: str,
    by: str | None,
    current: str | None,
    kind: str | None,
    times: bool,
    report: Path | None,
    *,
    force: bool,
) -> Answer:
    """Answer; the code is 3 if there is not enough data or no setting reaches the target."""
    names = _names(policies)
    path = None if report is None else writable(report, force=force)
    trace = _read(source, kind, times)
    what_if = WhatIf(trace, by=by, current=_current(current))  # type: ignore[arg-type]  # it checks the unit itself
    allowed = [name for name in names if name in RECOMMENDABLE]
    found = what_if.recommend(constraints={"hit_rate": target}, policies=allowed)
    data = {**_found(what_if, names, found), "report": report}
    lines = list(_lines(what_if, names, found))
    if path is not None:
        what_if.report(path, names, target=target)
        lines.append(f"report: {path}")
    return Answer(data, lines, Exit.DONE if found.setting else Exit.UNCLEAR)


def _names(policies: str) -> list[str]:
    names = [name.strip() for name in policies.split(",") if name.strip()]
    unknown = [name for name in names if name not in POLICIES]
    if unknown or not names:
        raise ConfigError(f"policies is {policies!r}; it must be some of {', '.join(POLICIES)}, with commas between")
    return list(dict.fromkeys(names))


def _current(text: str | None) -> tuple[str, str | int] | None:
    if text is None:
        return None
    policy, _, size = text.partition(":")
    if policy not in POLICIES or not size:
        raise ConfigError(f"--current is {text!r}; write a policy and a size, as in: --current lru:50MB")
    return policy, int(size) if size.isdigit() else size


def _read(source: Path, kind: str | None, times: bool) -> Trace:
    columns = (TextColumn("reading {task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=aside, transient=True, disable=not aside.is_terminal) as progress:
        task = progress.add_task(source.name, total=None)
        return read_trace(
            source, kind, times=times, progress=lambda done, total: progress.update(task, completed=done, total=total)
        )


def _found(what_if: WhatIf, names: list[str], found: Recommendation) -> dict[str, Any]:
    trace = what_if.trace
    setting = {"policy": found.setting.policy, "size": found.setting.size} if found.setting else None
    rates = {name: plain(getattr(found, name)) for name in ("hit_rate", "held_out", "low", "high", "saved_s")}
    return {
        "trace": {"source": trace.source, "accesses": len(trace), "keys": trace.keys, "wrong_lines": trace.wrong.count},
        "unit": what_if.unit,
        "recommendation": {"verdict": found.verdict, "reason": found.reason, "setting": setting, **rates},
        "curves": rows(what_if.frame(names)[[*_COLUMNS, "how"]]) if len(trace) else [],
    }


def _lines(what_if: WhatIf, names: list[str], found: Recommendation) -> Iterator[str | Table]:
    trace = what_if.trace
    if trace.wrong.count:
        yield str(trace.wrong)
    yield f"Hit rate by size: {len(trace):,} accesses to {trace.keys:,} keys, from {trace.source}"
    yield _table(what_if, names)
    yield str(found)


def _table(what_if: WhatIf, names: list[str]) -> Table:
    import numpy as np

    from perflab.present.what_if import named_size

    curves = [what_if.curve(name) for name in names]
    table = Table()
    for heading in ("size", *names):
        table.add_column(heading, justify="right")
    largest = max(int(curve.sizes[-1]) for curve in curves)
    for size in np.unique([max(1, largest >> halving) for halving in range(_ROWS)]):
        table.add_row(named_size(size, what_if.unit), *(f"{curve.at(size):.1%}" for curve in curves))
    return table
