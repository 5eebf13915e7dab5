"""`perflab benchmark --self-check`, `--concurrency` and `--edits`.

In: workloads and a source. Out: a table on the terminal, and an exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from pathlib import Path

from rich.table import Table
from rich.text import Text

from perflab.cli.console import out
from perflab.config import Config
from perflab.units import format_seconds

__all__ = ["count_edits", "load_levels", "trust"]


def trust() -> int:
    """Print the checks of known truths and whether to trust results here; 1 if one does not hold."""
    from perflab.cli.benchmark import progress
    from perflab.system.self_check import self_check

    with progress() as step:
        checks = self_check(on_step=step)
    rows = [(check.name, check.wanted, check.found, "✓" if check.passed else "✗") for check in checks]
    out.print(_table("Known truths on this machine", ("check", "wanted", "found", ""), rows))
    failed = [check.name for check in checks if not check.passed]
    said = f"Do not trust results here: {', '.join(failed)} went wrong." if failed else "Results here can be trusted."
    out.print(said, highlight=False)
    return 1 if failed else 0


def load_levels(workloads: Sequence[str], source: Path | None, config_file: Path | None) -> int:
    """Print throughput, percentiles, errors and fairness of simultaneous requests; 1 if one raised."""
    from perflab.workloads.concurrency import measure_concurrency

    config, errors = Config.load(config_file), 0
    heads = ("simultaneous", "requests", "errors", "a second", "p50", "p95", "p99", "p95 interval", "fairness")
    for name in _named(workloads):
        levels = measure_concurrency(name, config=config, source=source)
        errors += sum(level.errors for level in levels)
        rows = [
            (*map(str, astuple(level)[:3]), f"{level.throughput_per_s:.1f}",
             *map(format_seconds, (level.p50_s, level.p95_s, level.p99_s)),
             f"{format_seconds(level.p95_low_s)} to {format_seconds(level.p95_high_s)}", f"{level.fairness:.3f}")
            for level in levels
        ]  # fmt: skip
        out.print(_table(f"{name}, simultaneous requests", heads, rows))
    return 1 if errors else 0


def count_edits(workloads: Sequence[str], source: Path | None, config_file: Path | None) -> int:
    """Print what each kind of edit computes anew of what there is."""
    from perflab.workloads.edit_counts import count_edits as counted
    from perflab.workloads.staging import Scale

    config = Config.load(config_file)
    scale = Scale.of(config, source, pairs=None, quick=source is None)
    for name in _named(workloads):
        rows = [
            (row["edit"], row["counted"], str(row["recomputed"]), str(row["possible"]))
            for row in counted(name, config=config, source=source, scale=scale)
        ]
        out.print(_table(f"{name}, computed anew after an edit", ("edit", "counted", "anew", "of"), rows))
    return 0


def _named(workloads: Sequence[str]) -> Sequence[str]:
    from perflab.errors import BenchmarkError
    from perflab.workloads.staging import WORKLOADS, known_workloads

    names = known_workloads(workloads)
    for name in names:
        if name not in WORKLOADS:
            raise BenchmarkError(f"{name!r} works on no source tree; choose {' or '.join(WORKLOADS)} for this.")
    return names


def _table(title: str, heads: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
