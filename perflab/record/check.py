"""Whether a frame is what its schema says.

In: a frame's name and its rows. Out: nothing, or one error with column, what was found and what is allowed; a pandera
schema for whoever has checks of his own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from perflab.errors import ConfigError, RunError
from perflab.record.dataframe import dtypes
from perflab.record.frames import Column, columns
from perflab.record.vocabulary import VOCABULARY

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pandera

__all__ = ["check_frame", "pandera_schema"]

_REQUIRED = {
    ("accesses", "event"),
    ("events", "name"),
    ("operations", "name"),
    ("operations", "operation_id"),
    ("targets", "name"),
}
_LEAST: dict[tuple[str, str], float | None] = {
    ("resources", "growth_bytes"): None,  # memory may fall below where it stood at the start
    ("samples", "growth_bytes"): None,
    ("samples", "pair"): -1,  # a discarded warm-up
}
_ORDERED = (
    ("chunks", "start", "stop"),
    ("chunks", "start_line", "end_line"),
    ("optimizations", "low", "high"),
    ("targets", "low", "high"),
)
_SHOWN = 5


def check_frame(frame: str, rows: pd.DataFrame) -> None:
    """Hold a frame against its schema.

    Raises
    ------
    RunError
        If something does not hold.
    ConfigError
        If the package pandera is not installed.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> recorder.access("page", "hit", "l1", nbytes=5)
    >>> accesses = recorder.frames.accesses
    >>> check_frame("accesses", accesses)
    >>> check_frame("accesses", accesses.assign(nbytes=-accesses["nbytes"]))
    Traceback (most recent call last):
    ...
    perflab.errors.RunError: The frame 'accesses' does not hold: 'nbytes' is -5 in row 0, allowed is 0 or more.
    """
    schema = pandera_schema(frame)
    from pandera.errors import SchemaErrors

    try:
        schema.validate(rows, lazy=True)
    except SchemaErrors as error:
        found = list(dict.fromkeys(_findings(error.failure_cases, rows)))
        more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        raise RunError(f"The frame {frame!r} does not hold: {'; '.join(found[:_SHOWN])}{more}.") from error


def pandera_schema(frame: str) -> pandera.DataFrameSchema:
    """Return the schema of a frame, for pandera: dtypes, missing values, signs of times and sizes, words.

    Raises
    ------
    ConfigError
        If the package pandera is not installed.
    """
    try:
        import pandera.pandas as pandera
    except ImportError as error:
        raise ConfigError(
            "Frames are checked by the package pandera, which is not installed; use pip install 'perflab[check]'."
        ) from error
    # As text, `category` fits whatever the categories are.
    known = dtypes(frame).astype(str)
    held = {
        column.name: pandera.Column(known[column.name], list(_checks(column)), nullable=_may_miss(column))
        for column in columns(frame)
    }
    ordered = [_in_order(low, high) for name, low, high in _ORDERED if name == frame]
    return pandera.DataFrameSchema(held, ordered, strict=True, name=frame)


def _checks(column: Column) -> Iterator[pandera.Check]:
    import pandera.pandas as pandera

    place = column.frame, column.name
    if place in VOCABULARY:
        yield pandera.Check.isin(VOCABULARY[place], error=f"one of {', '.join(VOCABULARY[place])}")
    if column.unit == "ratio":
        yield pandera.Check.in_range(0, 1, error="0 to 1")
    elif column.dtype == "int" or column.unit in ("s", "bytes"):
        least = _LEAST.get(place, 0)
        if least is not None:
            yield pandera.Check.ge(least, error=f"{least} or more")


def _may_miss(column: Column) -> bool:
    # A cache's hits may be recorded without their times; everything else is seldom enough to read the clock.
    known = column.name == "run_id" or (column.name == "t" and column.frame != "accesses")
    return not known and (column.frame, column.name) not in _REQUIRED


def _in_order(low: str, high: str) -> pandera.Check:
    import pandera.pandas as pandera

    def holds(rows: pd.DataFrame) -> pd.Series[bool]:
        return ~(rows[low] > rows[high]).fillna(False).astype(bool)

    return pandera.Check(holds, error=f"{low} <= {high}")


def _findings(cases: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    """Say what pandera found, a part of a sentence for each column and check."""
    names = ["schema_context", "column", "check"]
    for found, group in cases.astype(dict.fromkeys(names, str)).groupby(names, sort=False):
        context, column, check = map(str, found)
        value, places = group["failure_case"].iloc[0], list(group["index"].dropna().unique())
        if check == "column_in_dataframe":
            yield f"it lacks {', '.join(map(repr, group['failure_case']))}"
        elif check == "column_in_schema":
            yield f"it has {', '.join(map(repr, group['failure_case']))}, which it should not"
        elif check.startswith("dtype("):
            yield f"{column!r} has the dtype {rows[column].dtype}, allowed is {check[7:-2]}"
        elif places:
            yield _in_rows(column, check, value, places, of_rows=context == "DataFrameSchema")


def _in_rows(column: str, check: str, value: object, places: Sequence[object], *, of_rows: bool) -> str:
    where = f"in row {places[0]}" + (f" and {len(places) - 1} more" if len(places) > 1 else "")
    if of_rows:
        return f"{check} is not so {where}"
    if check == "not_nullable":
        return f"{column!r} is missing {where}"
    # pandera puts whole numbers among floats.
    whole = isinstance(value, float) and value.is_integer()
    shown = repr(value) if isinstance(value, str) else f"{value:.0f}" if whole else str(value)
    return f"{column!r} is {shown} {where}, allowed is {check}"
