"""Which control each setting gets, by its schema alone.

In: the JSON schema of a pydantic model. Out: `Field`s, and the texts in which their values are shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from perflab.config import Config
from perflab.units import exact_bytes

__all__ = ["Field", "config_fields", "control", "nearest", "shown", "value_at"]

Kind = Literal["slider", "switch", "choice", "choices", "lines", "text"]
Shown = str | bool | list[str]

_LADDER = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
_MOST_STOPS = 257
_LEAST_SECONDS = 0.001
_MOST_BYTES = 1 << 40
_MOST_COUNT = 1 << 20
_UNITS = ("bytes", "seconds", "entries", "ratio")


@dataclass(frozen=True, slots=True)
class Field:
    """One setting as a control.

    Attributes
    ----------
    path
        Where it is in the config, with dots.
    group, label, unit, about
        Its heading, name, unit and meaning.
    kind
        The control.
    options
        What a choice chooses from; for a slider, the text at each of its stops.
    stops
        The values of these texts.
    may_be_unset
        Whether an empty text is allowed.
    """

    path: str
    group: str
    label: str
    unit: str
    about: str
    kind: Kind
    options: tuple[str, ...] = ()
    stops: tuple[float, ...] = ()
    may_be_unset: bool = False

    def traits(self) -> dict[str, Any]:
        """Return what the browser is told of it."""
        return {name: value for name, value in asdict(self).items() if name != "stops"}


@cache
def config_fields() -> tuple[Field, ...]:
    """Return a field for every setting of `Config`, those of one group together, in the config's order."""
    schema = Config.model_json_schema()
    fields = list(_fields(schema, schema.get("$defs", {}), (), ""))
    return tuple(sorted(fields, key=lambda field: "." in field.path))


def control(path: str, group: str, schema: Mapping[str, Any]) -> Field:
    """Return the field of one setting.

    Examples
    --------
    >>> made = control("cache.l1_bytes", "cache", {"type": "integer", "minimum": 0, "description": "size; bytes"})
    >>> made.kind, made.label, made.unit, made.options[:3]
    ('slider', 'l1 size', 'bytes', ('0 B', '1 KiB', '2 KiB'))
    """
    own, may_be_unset = _without_null(schema)
    about = str(schema.get("description", ""))
    name = path.rpartition(".")[2]
    unit = _unit(name, about)
    kind = _kind(own)
    stops = _stops(own, unit) if kind == "slider" else ()
    options = tuple(_number(stop, unit) for stop in stops) or tuple(map(str, _choices(own)))
    words = name.removesuffix("_bytes").removesuffix("_s").removesuffix("_ratio").replace("_", " ")
    words += " size" if unit == "bytes" and " " not in words else ""
    meaning = "; ".join(part for part in about.split("; ") if part != unit)
    return Field(path, group, words, unit, meaning, kind, options, stops, may_be_unset)


def shown(field: Field, value: Any) -> Shown:
    """Return a value as its control shows it; it can be given back to the config as it is.

    Examples
    --------
    >>> shown(control("x_bytes", "", {"type": "integer"}), 52_428_800)
    '50 MiB'
    """
    if field.kind == "switch":
        return bool(value)
    if field.kind in ("choices", "lines"):
        return [str(one) for one in value]
    if value is None:
        return ""
    return _number(value, field.unit) if isinstance(value, int | float) else str(value)


def nearest(field: Field, value: Any) -> int:
    """Return the stop of a slider that is nearest to a value; 0 if it has none."""
    if not field.stops or not isinstance(value, int | float):
        return 0
    return min(range(len(field.stops)), key=lambda place: abs(field.stops[place] - value))


def value_at(config: Any, path: str) -> Any:
    """Return the value of a setting by its path."""
    for name in path.split("."):
        config = getattr(config, name)
    return config


def _fields(
    schema: Mapping[str, Any], models: Mapping[str, Any], above: tuple[str, ...], group: str
) -> Iterator[Field]:
    for name, own in schema["properties"].items():
        nested = models.get(str(own.get("$ref", "")).rpartition("/")[2])
        path = (*above, name)
        if nested is None:
            yield control(".".join(path), group or "general", own)
        else:
            yield from _fields(nested, models, path, " ".join(path).replace("_", " "))


def _without_null(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    return (kinds[0], True) if kinds else (schema, False)


def _kind(schema: Mapping[str, Any]) -> Kind:
    if "enum" in schema:
        return "choice"
    if schema.get("type") == "array" and not _choices(schema):
        return "lines"
    kinds: dict[str, Kind] = {"boolean": "switch", "array": "choices", "integer": "slider", "number": "slider"}
    return kinds.get(str(schema.get("type")), "text")


def _choices(schema: Mapping[str, Any]) -> Sequence[object]:
    found: Sequence[object] = schema.get("enum") or schema.get("items", {}).get("enum", ())
    return found


def _unit(name: str, about: str) -> str:
    for suffix, unit in (("_bytes", "bytes"), ("_s", "seconds"), ("_ratio", "ratio")):
        if name.endswith(suffix):
            return unit
    words = [part.strip().partition(" ")[0] for part in about.split(";")[1:]]
    return next((word for word in words if word in _UNITS), "")


def _bounds(schema: Mapping[str, Any]) -> tuple[float, float]:
    low = next((schema[name] for name in ("minimum", "ge", "exclusiveMinimum", "gt") if name in schema), 0)
    high = next((schema[name] for name in ("maximum", "le", "exclusiveMaximum", "lt") if name in schema), math.inf)
    return float(low), float(high)


def _stops(schema: Mapping[str, Any], unit: str) -> tuple[float, ...]:
    """Return the values that a slider stops at: a hundredth apart for ratios, on a ladder of round ones else."""
    low, high = _bounds(schema)
    excluded = {schema.get(name) for name in ("exclusiveMinimum", "gt", "exclusiveMaximum", "lt")}
    if unit == "bytes":
        wanted = [low, *(1024.0**power * step for power in (1, 2, 3) for step in _ladder(1, 1000)), high]
        low, high = max(low, 0.0), min(high, float(_MOST_BYTES))
    elif high <= 1:
        wanted = [place / 100 for place in range(101)]
    elif schema.get("type") == "integer" and high - low < _MOST_STOPS:
        wanted = [float(value) for value in range(int(low), int(high) + 1)]
    else:
        is_whole = schema.get("type") == "integer"
        high = min(high, float(_MOST_COUNT)) if is_whole else high
        rungs = _ladder(1.0 if is_whole else _LEAST_SECONDS, high)
        wanted = [low, *(rung for rung in rungs if not is_whole or rung.is_integer()), high]
    return tuple(sorted({value for value in wanted if low <= value <= high} - excluded))


def _ladder(least: float, most: float) -> Iterator[float]:
    power = math.floor(math.log10(least))
    while 10.0**power <= most:
        yield from (float(f"{factor * 10.0**power:.3g}") for factor in _LADDER if factor * 10.0**power >= least)
        power += 1


def _number(value: float, unit: str) -> str:
    if unit == "bytes":
        return exact_bytes(int(value))
    return str(int(value)) if float(value).is_integer() else repr(float(value))
