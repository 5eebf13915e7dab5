"""The runs of a folder as a table, and two of them side by side.

In: a folder of run folders, runs. Out: `Table`s.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

from perflab.errors import PerflabError, RunError
from perflab.present.read import number
from perflab.present.tables import Cell, Table, table
from perflab.present.theme import VERDICTS
from perflab.record.store import is_run, read_info, read_table
from perflab.system.comparison import RunComparison
from perflab.units import format_quantity

__all__ = ["metric_table", "run_folders", "runs_table", "settings_table"]

_MOST_RUNS = 200
_ROLES = {"lower": "changed", "higher": "changed"}


def run_folders(runs_dir: Path) -> list[Path]:
    """Return the run folders in a folder, or the folder itself if it is one, the newest first.

    Raises
    ------
    RunError
        If there is no such folder.
    """
    if is_run(runs_dir):
        return [runs_dir]
    if not runs_dir.is_dir():
        raise RunError(f"{str(runs_dir)!r} is no folder of runs; give one, or make a run with: perflab benchmark")
    return sorted((path for path in runs_dir.iterdir() if is_run(path)), key=_age, reverse=True)


def runs_table(folders: list[Path], *, selected: list[str]) -> Table:
    """Return a row a run, of which the first cell picks its folder; one that cannot be opened says why."""
    body = [_run_row(path, selected) for path in folders[:_MOST_RUNS]]
    note = f"The newest {_MOST_RUNS} of {len(folders):,} runs." if len(folders) > _MOST_RUNS else ""
    return table("Runs, the newest first", ("run", "as", "label", "status", "started", "targets"), body, note=note)


def settings_table(compared: RunComparison) -> Table:
    """Return what two runs do not share."""
    body = [
        (str(row["name"]), str(row["kind"]), _shown(row["a"]), _shown(row["b"]))
        for row in compared.differences().to_dict("records")
    ]
    return table("What was different", ("name", "kind", "A", "B"), body)


def metric_table(compared: RunComparison) -> Table:
    """Return what two runs measured; metrics that differ by more than their intervals first."""
    rows = compared.frame().to_dict("records")
    rows.sort(key=lambda row: row["verdict"] not in _ROLES)
    body: list[tuple[Cell | str, ...]] = [
        (
            str(row["name"]),
            *(format_quantity(number(row[side]), str(row["unit"])) for side in ("a", "b")),
            _ratio(row),
            Cell(_verdict(str(row["verdict"])), _ROLES.get(str(row["verdict"]), "muted")),
        )
        for row in rows
    ]
    heads = ("metric", "A", "B", "B / A", "verdict")
    return table("What came out", heads, body, numeric=("A", "B", "B / A"))


def _run_row(path: Path, selected: list[str]) -> tuple[Cell | str, ...]:
    name = Cell(path.name, pick=str(path))
    place = "AB"[selected.index(str(path))] if str(path) in selected else ""
    try:
        info = read_info(path)
        verdicts = Counter(map(str, read_table(path, "targets")["verdict"].to_pylist()))
    except PerflabError as error:
        return (Cell(path.name), "", Cell(f"cannot be opened: {error}", "bad"), "–", "–", "–")
    tally = ", ".join(f"{VERDICTS[verdict][0]} {verdicts[verdict]}" for verdict in VERDICTS if verdicts[verdict])
    started = str(info.get("started") or "–")[:19].replace("T", " ")
    return (name, place, str(info.get("label") or "–"), str(info.get("status")), started, tally or "not judged")


def _age(path: Path) -> str:
    try:
        return str(read_info(path).get("started", ""))
    except PerflabError:
        return ""


def _shown(value: object) -> str:
    return "–" if value is None else str(value)


def _ratio(row: dict[Any, Any]) -> str:
    ratio = number(row["ratio"])
    return f"{ratio:.3g}" if math.isfinite(ratio) else "–"


def _verdict(verdict: str) -> str:
    return {"lower": "▼ lower", "higher": "▲ higher"}.get(verdict, verdict)
