"""The runs of a folder as a table, two of them side by side, and why an access missed.

In: a folder of run folders, runs, a key. Out: `Table`s and sentences.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import PerflabError, RunError
from perflab.present import escape
from perflab.present.read import number, records, text
from perflab.present.tables import Cell, Table, table
from perflab.present.theme import VERDICTS
from perflab.record.store import is_run, read_info, read_table
from perflab.system.comparison import RunComparison
from perflab.units import format_quantity, format_seconds

if TYPE_CHECKING:
    import pandas as pd
__all__ = ["explained_miss", "metric_table", "run_folders", "runs_table", "settings_table"]

_MOST_RUNS = 200
_ROLES = {"lower": "changed", "higher": "changed"}
_WHY = {
    "compulsory": "the run had not seen the key before",
    "capacity": "it had been evicted for room; a larger cache would have had it",
    "expired": "its time to live was over",
    "invalidated": "it had been removed on request",
    "rejected": "it had been refused, most often because it is larger than the tier",
    "damaged": "its copy on disk did not pass the check",
    "in flight": "it was being loaded: the caller waited for another one's load",
    "not stored": "it was missed before, and nothing was stored since",
}


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


def explained_miss(accesses: pd.DataFrame, key: str, at: Any) -> str:
    """Return a sentence on why a key was missed at a time.

    Parameters
    ----------
    accesses
        Every row of the key, of every event.
    key, at
        The key as text, and the time of the miss.
    """
    from perflab.analyze.questions import misses

    found = misses(accesses)
    of_then = found[found["t"] == at]
    if not len(of_then):
        return f"No miss of {escape.shorten(key, 80)!r} was recorded at that time."
    row = records(of_then.tail(1))[0]
    kind = text(row["miss_class"])
    said = f"{escape.shorten(key, 80)!r} missed ({kind}): {_WHY.get(kind, 'it was not there')}."
    return f"{said}{_away(row)}{_load(row)}"


def _away(row: dict[str, Any]) -> str:
    away, distance = number(row.get("away_s")), row.get("reload_distance")
    if math.isnan(away) or distance is None:
        return ""
    return f" It had been away for {format_seconds(away)} and {int(distance):,} accesses to other keys."


def _load(row: dict[str, Any]) -> str:
    load = number(row.get("load_s"))
    return f" Loading it took {format_seconds(load)}." if math.isfinite(load) else ""


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
