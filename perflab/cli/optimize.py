"""`perflab optimize`: what an optimization would do, tried on recorded accesses.

In: a run folder or a trace file, and perhaps a config. Out: each setting tried: old and new, predicted and measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from perflab.cli.answer import Answer, plain, table
from perflab.cli.codes import Exit
from perflab.cli.status import last_folder
from perflab.config import Config
from perflab.config.shown import public_settings
from perflab.optimize import OptimizationResult
from perflab.present.escape import visible
from perflab.system.rehearsal import rehearse
from perflab.units import format_quantity

__all__ = ["run"]

_HEADS = ("setting", "old", "new", "metric", "before", "predicted", "measured", "verdict")
_TOO_LITTLE = "not enough data"


def run(source: Path | None, config_file: Path | None, runs: Path | None) -> Answer:
    """Try an optimization; the code is 3 if there was not enough data for any setting."""
    config = None if config_file is None else Config.load(config_file)
    path = source or last_folder(runs or (config or Config.load()).record.runs_dir)
    chosen, result = rehearse(path, config)
    found = json.loads(result.to_json())
    data = {"source": path, "config": public_settings(chosen), **found}
    too_little = all(row["verdict"] == _TOO_LITTLE for row in result.rows if row["knob"].startswith("cache."))
    return Answer(data, list(_lines(path, result, found)), Exit.UNCLEAR if too_little else Exit.DONE)


def _lines(source: Path, result: OptimizationResult, found: Mapping[str, Any]) -> Iterator[str | Table]:
    yield f"Tried on the accesses of {visible(source)}; nothing is changed."
    for number, phase in enumerate(found.get("plan", ()), 1):
        yield f"{number}. {phase['name']}: {', '.join(phase['knobs']) or 'no setting'}. {phase['reason']}"
    yield table(f"{result.kept} of {len(result.rows)} settings would be kept", _HEADS, map(_cells, result.rows))
    for row in result.rows:
        yield f"{row['knob']}: {row['reason']}"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    unit = row["unit"] or ""
    figures = (_figure(row, name, unit) for name in ("before", "predicted", "measured"))
    return (str(row["knob"]), str(row["old"]), str(row["new"]), row["metric"] or "", *figures, str(row["verdict"]))


def _figure(row: Mapping[str, Any], name: str, unit: str) -> str:
    value = plain(row[name])
    if value is None:
        return ""
    low, high = plain(row["low"]), plain(row["high"])
    bounded = name == "measured" and low is not None and high is not None
    between = f" [{format_quantity(low, unit)}, {format_quantity(high, unit)}]" if bounded else ""
    return format_quantity(value, unit) + between
