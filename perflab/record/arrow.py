"""Recorded rows as typed columns.

In: values column by column. Out: Arrow tables typed as `frames.SCHEMA` says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeGuard

from perflab.record.frames import columns
from perflab.record.texts import Texts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "arrow_schema",
    "as_json",
    "as_number",
    "as_text",
    "category",
    "empty_table",
    "indexed",
    "numbers",
    "times",
    "to_table",
    "truths",
]

LONGEST_TEXT = 512
LONGEST_JSON = 1 << 16


def as_text(value: object) -> str | None:
    """Return a key, or any other value, as text that every format can hold; long text ends with its digest.

    Examples
    --------
    >>> as_text("a.py"), as_text(("a.py", 3))
    ('a.py', "('a.py', 3)")
    """
    if value is None:
        return None
    text = value if type(value) is str else _printed(value)
    if len(text) > LONGEST_TEXT:
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        text = f"{text[: LONGEST_TEXT - 20]}...{digest}"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def as_json(value: object) -> str | None:
    """Return JSON as it is; where that is too long to keep, a JSON text with its beginning and its digest.

    Examples
    --------
    >>> as_json('{"keys": 3}'), len(as_json("[" + "1," * 100_000 + "1]"))
    ('{"keys": 3}', 513)
    """
    if type(value) is not str or len(value) <= LONGEST_TEXT:
        return as_text(value)
    if len(value) > LONGEST_JSON:
        return json.dumps(as_text(value))
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def _printed(value: object) -> str:
    try:
        if type(value) is frozenset:  # each process has an order of its own
            return f"frozenset({{{', '.join(sorted(map(_printed, value)))}}})" if value else "frozenset()"
        return str(value) if isinstance(value, str) else repr(value)
    except Exception as error:  # a key's own __repr__ may do anything; recording must not fail for it
        return f"<{type(value).__name__} whose repr raised {type(error).__name__}>"


@cache
def arrow_schema(frame: str) -> pa.Schema:
    """Return the Arrow schema of a frame; each field's metadata has its unit and meaning."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "category": pa.dictionary(pa.int32(), pa.string()),
        "string": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    fields = [
        pa.field(column.name, types[column.dtype], metadata={"unit": column.unit, "meaning": column.meaning})
        for column in columns(frame)
    ]
    return pa.schema(fields, metadata={"frame": frame})


def empty_table(frame: str) -> pa.Table:
    """Return a table of the frame without rows."""
    import pyarrow as pa

    return pa.Table.from_batches([], schema=arrow_schema(frame))


def to_table(frame: str, given: Sequence[Sequence[object]]) -> pa.Table:
    """Return columns, in the order of `frames.columns(frame)`, as a table.

    `t` is given in nanoseconds since 1970 (UTC); every other value may be None.
    """
    import pyarrow as pa

    arrays = [
        _json_array(values) if column.is_json else _BUILD[column.dtype](values)
        for column, values in zip(columns(frame), given, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=arrow_schema(frame))


# `pyarrow.array` would do all this too, but it imports pandas: half a second and 60 MB in every process that records.


def category(codes: np.ndarray[Any, Any], names: Sequence[str | None]) -> pa.Array:
    """Return text that repeats, as indices into its distinct values; a name that is None is a missing value."""
    import numpy as np

    distinct = {name: code for code, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    places = np.array([-1 if name is None else distinct[name] for name in names], np.int32)
    return indexed(places[codes], Texts.of(list(distinct)).arrow())


def indexed(places: np.ndarray[Any, Any], texts: pa.Array) -> pa.Array:
    """Return text that repeats, from int32 places among its distinct values; -1 is a missing value."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(_primitive(pa.int32(), places, places < 0), texts)


def numbers(values: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> pa.Array:
    """Return whole or other numbers, by the dtype of `values`: int64 or float64."""
    import pyarrow as pa

    return _primitive(pa.int64() if values.dtype.kind == "i" else pa.float64(), values, missing)


def times(microseconds: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> pa.Array:
    """Return times from microseconds since 1970 (UTC)."""
    import pyarrow as pa

    return _primitive(pa.timestamp("us", tz="UTC"), microseconds, missing)


def truths(values: np.ndarray[Any, Any]) -> pa.Array:
    """Return truth values, none of them missing."""
    import numpy as np
    import pyarrow as pa

    return _primitive(pa.bool_(), np.packbits(values, bitorder="little"), np.zeros(len(values), np.bool_))


def _text_array(values: Sequence[object]) -> pa.Array:
    return _utf8(values if _all_missing(values) else _texts(values))


def _json_array(values: Sequence[object]) -> pa.Array:
    return _utf8(values if _all_missing(values) else list(map(as_json, values)))


def _category_array(values: Sequence[object]) -> pa.Array:
    import numpy as np

    if _all_missing(values):
        return category(np.zeros(len(values), np.int32), [None])
    texts = _texts(values)
    codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
    return category(np.fromiter(map(codes.__getitem__, texts), np.int32, len(texts)), list(codes))


def _number_array(kind: type, values: Sequence[Any]) -> pa.Array:
    import numpy as np

    if _all_missing(values):
        return _numbers(np.zeros(len(values), kind), np.ones(len(values), np.bool_))
    if not set(map(type, values)) <= {kind, type(None)}:
        values = [as_number(kind, value) for value in values]
    missing, filled = np.zeros(len(values), np.bool_), values
    if None in values:
        missing = np.array([value is None for value in values], np.bool_)
        filled = [kind() if value is None else value for value in values]
    try:
        known: np.ndarray[Any, Any] = np.array(filled, kind)
    except OverflowError:
        return _number_array(kind, [as_number(kind, value) for value in values])
    return _numbers(known, missing | np.isnan(known) if kind is float else missing)


def as_number(kind: type, value: Any) -> Any:
    """Return a value as the column's type; None if it is missing or cannot be."""
    if _is_missing(value):
        return None
    try:
        known = kind(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if kind is int and not -(2**63) <= known < 2**63 else known


def _all_missing(values: Sequence[object]) -> TypeGuard[Sequence[None]]:
    return set(map(type, values)) == {type(None)}


def _numbers(values: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    if values.dtype.kind == "b":
        return _primitive(pa.bool_(), np.packbits(values, bitorder="little"), missing)
    return numbers(values, missing)


def _time_array(values: Sequence[int]) -> pa.Array:
    import numpy as np

    return times(np.array(values, np.int64) // 1000, np.zeros(len(values), np.bool_))


def _primitive(kind: pa.DataType, data: np.ndarray[Any, Any], missing: np.ndarray[Any, Any]) -> pa.Array:
    import pyarrow as pa

    return pa.Array.from_buffers(kind, len(missing), [_validity(missing), pa.py_buffer(data)])


def _utf8(texts: Sequence[str | None]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    held = Texts.of([text or "" for text in texts]).arrow()
    missing = np.array([text is None for text in texts], np.bool_)
    return pa.Array.from_buffers(pa.string(), len(texts), [_validity(missing), *held.buffers()[1:]])


def _validity(missing: np.ndarray[Any, Any]) -> pa.Buffer | None:
    import numpy as np
    import pyarrow as pa

    return pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None


def _texts(values: Sequence[Any]) -> Sequence[str | None]:
    types = set(map(type, values))
    if types == {str} and max(map(len, values)) <= LONGEST_TEXT and "".join(values).isascii():
        return values  # what `as_text` would give, of thousands of digests much sooner
    if types <= {str, type(None)}:
        texts = {value: as_text(value) for value in set(values)}
        return [texts[value] for value in values]
    # Other keys may be slow to print and need no honest hash; `values` keeps each alive, so its id stands for it.
    known = {id(value): value for value in values}
    printed = {number: as_text(value) for number, value in known.items()}
    return [printed[id(value)] for value in values]


def _is_missing(value: Any) -> bool:
    # NaN is not equal to itself; pandas' NA answers with NA, which is neither true nor false.
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


_BUILD: Mapping[str, Callable[[Sequence[Any]], pa.Array]] = {
    "category": _category_array,
    "string": _text_array,
    "int": partial(_number_array, int),
    "float": partial(_number_array, float),
    "bool": partial(_number_array, bool),
    "time": _time_array,
}
