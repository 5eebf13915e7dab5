"""A few controls of a panel's own: made as settings are, read back as numbers.

In: small schemas by name. Out: a form, and the values that people set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from perflab.units import parse_bytes
from perflab.widgets.fields import Field, Shown, control, nearest, shown
from perflab.widgets.form import Form
from perflab.widgets.panel import Panel

__all__ = ["Controls"]


class Controls:
    """Controls by name, with the last values that were right.

    Parameters
    ----------
    schemas
        A JSON schema a name, with `default` and `description`; a `title` gives another label.
    on_change
        Called when values changed and all are right.
    panel
        Whose controls they are.

    Attributes
    ----------
    form : Form
        What is shown.
    values : dict
        By name, as numbers, texts, lists; None for what is unset.

    Examples
    --------
    >>> made = Controls({"window_s": {"type": "number", "maximum": 600, "default": 60}}, lambda: None, Panel("", ""))
    >>> made.form.put("window_s", "5"); made.values
    {'window_s': 5.0}
    >>> made.form.put("window_s", "long"); made.values, made.form.messages
    ({'window_s': 5.0}, {'window_s': "'long' is no number; write one such as 60."})
    """

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]], on_change: Callable[[], object], panel: Panel) -> None:
        self._fields = {name: _titled(control(name, "", schema), schema) for name, schema in schemas.items()}
        self._schemas, self._on_change = schemas, on_change
        self.values: dict[str, Any] = {name: schema.get("default") for name, schema in schemas.items()}
        fields = self._fields
        self.form = Form.of(
            list(fields.values()),
            {name: shown(fields[name], value) for name, value in self.values.items()},
            self._positions(),
            self._edited,
            panel,
        )

    def set(self, name: str, value: Any) -> None:
        """Set a control in code."""
        self.form.put(name, shown(self._fields[name], value))

    def _edited(self, edits: Mapping[str, Shown]) -> None:
        messages = {}
        values = dict(self.values)
        for name, given in edits.items():
            try:
                values[name] = self._read(name, given)
            except ValueError as error:
                messages[name] = f"{error}."
        self.form.messages = messages
        if values != self.values:
            self.values = values
            self.form.positions = self._positions()
            self._on_change()

    def _positions(self) -> dict[str, int]:
        return {name: nearest(field, self.values[name]) for name, field in self._fields.items() if field.stops}

    def _read(self, name: str, given: Shown) -> Any:
        field, schema = self._fields[name], self._schemas[name]
        if not isinstance(given, str) or field.kind != "slider":
            return given
        if not given.strip():
            if field.may_be_unset:
                return None
            raise ValueError(f"{field.label} is empty; write a number such as {schema.get('default')}")
        return _within(_parsed(given.strip(), field, schema), given, schema)


def _titled(field: Field, schema: Mapping[str, Any]) -> Field:
    return replace(field, label=str(schema.get("title", field.label)))


def _parsed(text: str, field: Field, schema: Mapping[str, Any]) -> float:
    if field.unit == "bytes":
        return parse_bytes(int(text) if text.isdigit() else text)
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number; write one such as {schema.get('default')}") from None
    if not _is_whole(schema):
        return number
    if not number.is_integer():
        raise ValueError(f"{text!r} is no whole number; write one such as {schema.get('default') or 8}")
    return int(number)


def _within(value: float, given: str, schema: Mapping[str, Any]) -> float:
    kinds = [kind for kind in schema.get("anyOf", (schema,)) if kind.get("type") != "null"]
    low, high = kinds[0].get("minimum", 0), kinds[0].get("maximum", float("inf"))
    if not low <= value <= high:
        raise ValueError(f"{given!r} is out of bounds; allowed: {low:g} to {high:g}")
    return value


def _is_whole(schema: Mapping[str, Any]) -> bool:
    return any(kind.get("type") == "integer" for kind in schema.get("anyOf", (schema,)))
