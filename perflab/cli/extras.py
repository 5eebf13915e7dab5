"""`perflab benchmark --self-check`, `--concurrency` and `--edits`.

In: workloads and a source. Out: a table, and an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from perflab.cli.answer import Answer, table
from perflab.cli.codes import Exit
from perflab.config import Config
from perflab.units import format_seconds

if TYPE_CHECKING:
    from perflab.analyze.load import Load

__all__ = ["count_edits", "load_levels", "trust"]

_LEVEL_HEADS = ("simultaneous", "requests", "errors", "a second", "p50", "p95", "p99", "p95 interval", "fairness")


def trust() -> Answer:
    """Check known truths and say whether to trust results here; the code is 1 if one does not hold."""
    from perflab.cli.benchmark import progress
    from perflab.system.self_check import self_check

    with progress() as step:
        checks = self_check(on_step=step)
    cells = [(check.name, check.wanted, check.found, "✓" if check.passed else "✗") for check in checks]
    failed = [check.name for check in checks if not check.passed]
    said = f"Do not trust results here: {', '.join(failed)} went wrong." if failed else "Results here can be trusted."
    shown: list[str | Table] = [table("Known truths on this machine", ("check", "wanted", "found", ""), cells), said]
    return Answer({"checks": [asdict(check) for check in checks]}, shown, Exit.FAILED if failed else Exit.DONE)


def load_levels(workloads: Sequence[str], source: Path | None, config_file: Path | None) -> Answer:
    """Measure throughput, percentiles, errors and fairness of simultaneous requests; the code is 1 if one raised."""
    from perflab.workloads.concurrency import measure_concurrency

    config = Config.load(config_file)
    found = {name: measure_concurrency(name, config=config, source=source) for name in _named(workloads)}
    levels = [{"workload": name, **asdict(level)} for name, measured in found.items() for level in measured]
    shown = [
        table(f"{name}, simultaneous requests", _LEVEL_HEADS, map(_level, measured)) for name, measured in found.items()
    ]
    errors = sum(level.errors for measured in found.values() for level in measured)
    return Answer({"levels": levels}, shown, Exit.FAILED if errors else Exit.DONE)


def count_edits(workloads: Sequence[str], source: Path | None, config_file: Path | None) -> Answer:
    """Count what each kind of edit computes anew of what there is."""
    from perflab.workloads.edit_counts import count_edits as counted
    from perflab.workloads.staging import Scale

    config = Config.load(config_file)
    scale = Scale.of(config, source, pairs=None, quick=source is None)
    edits: list[dict[str, object]] = []
    shown: list[str | Table] = []
    for name in _named(workloads):
        found = list(counted(name, config=config, source=source, scale=scale))
        cells = [(str(row["edit"]), str(row["counted"]), str(row["recomputed"]), str(row["possible"])) for row in found]
        shown.append(table(f"{name}, computed anew after an edit", ("edit", "counted", "anew", "of"), cells))
        edits += [{"workload": name, **row} for row in found]
    return Answer({"edits": edits}, shown)


def _level(level: Load) -> tuple[str, ...]:
    return (
        *map(str, astuple(level)[:3]),
        f"{level.throughput_per_s:.1f}",
        *map(format_seconds, (level.p50_s, level.p95_s, level.p99_s)),
        f"{format_seconds(level.p95_low_s)} to {format_seconds(level.p95_high_s)}",
        f"{level.fairness:.3f}",
    )


def _named(workloads: Sequence[str]) -> Sequence[str]:
    from perflab.errors import BenchmarkError
    from perflab.workloads.staging import WORKLOADS, known_workloads

    names = known_workloads(workloads)
    for name in names:
        if name not in WORKLOADS:
            raise BenchmarkError(f"{name!r} works on no source tree; choose {' or '.join(WORKLOADS)} for this.")
    return names
