"""Which rows somebody wants to see.

In: times and texts, as people write them. Out: a `Where`, which picks the rows of a table and says which row groups
of a file can hold none.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from numbers import Real
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from perflab.errors import ConfigError
from perflab.record.arrow import as_text, category, times
from perflab.record.frames import FRAMES, columns
from perflab.record.vocabulary import VOCABULARY

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Filters", "Texts", "Time", "Where", "check_names"]

Time = dt.datetime | dt.timedelta | str | float
Texts = str | Iterable[str]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LONGEST = dt.timedelta(days=3650)
_SPAN = re.compile(r"\s*([+-]?)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)\s*")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_HOW = (
    "a datetime with a time zone, ISO text such as '2026-11-23T17:00Z', or a span: '-10min' before the newest row, "
    "'5min' after the oldest, a number of seconds, or a timedelta"
)


class Filters(TypedDict, total=False):
    """The fields of `Where`, as keywords."""

    since: Time | None
    until: Time | None
    run_id: Texts | None
    name: Texts | None
    operation: Texts | None
    event: Texts | None
    tier: Texts | None
    key: Texts | None
    stream: Texts | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Rows that fulfil everything that is said; None says nothing.

    Attributes
    ----------
    since, until
        Rows with `since <= t < until`; a row whose time is not known is in no such range. An instant needs a time zone.
        A span counts from the ends of the frame, as a slice does: a negative one back from its newest row, any other on
        from its oldest. It is text such as `-10min` (us, ms, s, min, h, d), a timedelta, or a number of seconds.
    run_id, name, operation, event, tier, key, stream
        A text, or several of which one must be in the column of that name. A key is its text, as it is recorded.

    Raises
    ------
    ConfigError
        If a value is not allowed; the message has field, value and what is.

    Examples
    --------
    >>> Where(since="-10min", event="hit").event
    ('hit',)
    >>> Where(since="2026-11-23T17:00")
    Traceback (most recent call last):
    ...
    perflab.errors.ConfigError: since is '2026-11-23T17:00', which has no time zone; write it with one, such as ...Z.
    """

    since: Time | None = None
    until: Time | None = None
    run_id: Texts | None = None
    name: Texts | None = None
    operation: Texts | None = None
    event: Texts | None = None
    tier: Texts | None = None
    key: Texts | None = None
    stream: Texts | None = None

    def __post_init__(self) -> None:
        for field, value in self._said():
            known = _time(field, value) if field in ("since", "until") else _texts(field, value)
            object.__setattr__(self, field, known)

    @classmethod
    def of(cls, frame: str, **filters: Unpack[Filters]) -> Where:
        """Return the filters of one frame.

        Raises
        ------
        ConfigError
            If there is no such filter, the frame has no such column, or a value is not allowed.

        Examples
        --------
        >>> Where.of("resources", tier="l1")
        Traceback (most recent call last):
        ...
        perflab.errors.ConfigError: tier is no filter of the frame 'resources'; it has since, until, run_id.
        """
        held = {"since", "until", *(column.name for column in columns(frame))}
        known = [field.name for field in dataclasses.fields(cls) if field.name in held]
        for name in filters:
            if name not in known:
                raise ConfigError(f"{name} is no filter of the frame {frame!r}; it has {', '.join(known)}.")
        return cls(**filters)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at, each once."""
        return tuple(dict.fromkeys("t" if field in ("since", "until") else field for field, _ in self._said()))

    @property
    def relative(self) -> bool:
        """Whether a span counts from the ends of the frame, which must then be known: see `between`."""
        return any(isinstance(value, dt.timedelta) for value in (self.since, self.until))

    def between(self, oldest: int, newest: int) -> Where:
        """Return it with instants for spans; `oldest` and `newest` are microseconds since 1970 (UTC)."""

        def instant(value: Any) -> Any:
            if not isinstance(value, dt.timedelta):
                return value
            return _EPOCH + (newest if value < dt.timedelta(0) else oldest) * _MICROSECOND + value

        return dataclasses.replace(self, since=instant(self.since), until=instant(self.until))

    def filtered(self, table: pa.Table) -> pa.Table:
        """Return those rows of a table. A column that it does not have counts as missing, which fulfils nothing."""
        import pyarrow.compute as pc

        if not self.columns:
            return table
        if not set(self.columns) <= set(table.column_names):
            return table.slice(0, 0)
        return table.filter(reduce(pc.and_, self._masks(table)))

    def may_hold(self, least: Mapping[str, Any], greatest: Mapping[str, Any]) -> bool:
        """Return whether rows can fulfil it whose columns lie within these bounds; a column without is not judged.

        Times are microseconds since 1970 (UTC), None where no time is known.
        """
        return all(
            _overlap(field, value, least[column], greatest[column])
            for field, value in self._said()
            if (column := "t" if field in ("since", "until") else field) in least
        )

    def _said(self) -> list[tuple[str, Any]]:
        values = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        return [(name, value) for name, value in values if value is not None]

    def _masks(self, table: pa.Table) -> Iterator[pa.ChunkedArray]:
        import pyarrow.compute as pc

        for field, value in self._said():
            if field in ("since", "until"):
                compare, bound = pc.greater_equal if field == "since" else pc.less, _scalar(value)
                yield compare(table.column("t").cast(bound.type, safe=False), bound)
            else:
                yield _is_one_of(table.column(field), value)


def check_names(frame: str, wanted: Sequence[str] | None) -> None:
    """Refuse a frame that there is not, and columns that it does not have.

    Raises
    ------
    ConfigError
        With the name and what is allowed.
    """
    if frame not in FRAMES:
        raise ConfigError(f"frame is {frame!r}; the frames are {', '.join(FRAMES)}.")
    if isinstance(wanted, str):
        raise ConfigError(f"columns is {wanted!r}; write a list of names, such as [{wanted!r}].")
    names = [column.name for column in columns(frame)]
    for name in wanted or ():
        if name not in names:
            raise ConfigError(f"columns has {name!r}; the frame {frame!r} has {', '.join(names)}.")


def _time(field: str, value: Any) -> dt.datetime | dt.timedelta:
    known: object = value
    if isinstance(value, str):
        known = _read(field, value)
    elif not isinstance(value, bool) and isinstance(value, Real):
        known = _span(field, value, value)
    if isinstance(known, dt.timedelta):
        _span(field, value, known.total_seconds())
        return known
    if not isinstance(known, dt.datetime) or known != known:  # pandas' NaT is a datetime
        raise ConfigError(f"{field} is {_shown(value)}; allowed: {_HOW}.")
    if known.utcoffset() is None:
        raise ConfigError(f"{field} is {_shown(value)}, which has no time zone; write it with one, such as ...Z.")
    # Rounded up, as pandas knows nanoseconds: no row lies between.
    return _EPOCH - (_EPOCH - known) // _MICROSECOND * _MICROSECOND


def _read(field: str, text: str) -> dt.datetime | dt.timedelta | None:
    found = _SPAN.fullmatch(text)
    if found:
        sign, number, unit = found.groups()
        return _span(field, text, float(number) * _SECONDS[unit] * (-1 if sign == "-" else 1))
    try:
        return dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _span(field: str, value: object, seconds: Any) -> dt.timedelta:
    if not abs(seconds) <= _LONGEST.total_seconds():
        raise ConfigError(f"{field} is {_shown(value)}; allowed is a span of at most {_LONGEST.days} days.")
    return dt.timedelta(seconds=float(seconds))


def _texts(field: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (None,)
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"{field} is {_shown(value)}; allowed: a text or several.")
    allowed = VOCABULARY.get(("accesses", field))
    for text in texts:
        if allowed is not None and text not in allowed:
            raise ConfigError(f"{field} is {_shown(text)}; allowed: {', '.join(allowed)}.")
    return tuple(as_text(text) or "" for text in texts)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _overlap(field: str, value: Any, least: Any, greatest: Any) -> bool:
    if least is None or greatest is None:
        return False
    if field == "since":
        return bool(greatest >= _microseconds(value))
    if field == "until":
        return bool(least < _microseconds(value))
    return any(least <= text <= greatest for text in value)


def _microseconds(instant: dt.datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


# `pyarrow.scalar` and a comparison with a Python value import pandas; so does every expression, which needs a scalar.


def _scalar(instant: dt.datetime) -> pa.Scalar:
    import numpy as np

    return times(np.array([_microseconds(instant)]), np.array([False]))[0]


def _is_one_of(column: pa.ChunkedArray, texts: Sequence[str]) -> pa.ChunkedArray:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = category(np.arange(len(texts)), texts).dictionary
    if not pa.types.is_dictionary(column.type):
        return pc.is_in(column, value_set=wanted)
    found = [pc.is_in(chunk.dictionary, value_set=wanted).take(chunk.indices) for chunk in column.chunks]
    return pa.chunked_array(found, pa.bool_())
