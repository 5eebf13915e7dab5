"""What a run ran on, and with which settings.

In: the mappings of `run.json`. Out: `Table`s with one row a fact or setting, nested names joined by dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab.present.tables import Cell, Table, table
from perflab.units import format_quantity

__all__ = ["configuration", "facts"]


def facts(values: Mapping[str, Any], caption: str) -> Table:
    """Return facts such as the host's or versions, nested names joined by dots."""
    body = [(name, _fact(name, value)) for name, value in _flat(values)]
    return table(caption, ("fact", "value"), body)


def configuration(config: Mapping[str, Any], defaults: Mapping[str, Any] | None) -> Table:
    """Return every setting; with `defaults`, those that differ are marked and come first."""
    known = dict(_flat(defaults)) if defaults is not None else {}
    body = []
    for name, value in _flat(config):
        changed = defaults is not None and known.get(name) != value
        default = _fact(name, known[name]) if name in known else "–"
        body.append(
            (name, Cell(f"● {_fact(name, value)}" if changed else _fact(name, value), "changed" * changed), default)
        )
    body.sort(key=lambda row: not (isinstance(row[1], Cell) and row[1].role))
    note = (
        "● marks a value that differs from the default." if defaults is not None else "The defaults were not recorded."
    )
    return table("Configuration", ("setting", "value", "default"), body, note=note)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        path = f"{prefix}{name}"
        found += _flat(value, f"{path}.") if isinstance(value, Mapping) and value else [(path, value)]
    return found


def _fact(name: str, value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        unit = {"bytes": "bytes", "ratio": "ratio", "s": "s"}.get(name.rpartition("_")[2], "")
        return format_quantity(value, unit)
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "–"
    return str(value)
