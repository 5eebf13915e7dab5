"""Recorded rows as pandas frames.

In: a function from a frame's name to its Arrow table. Out: `Frames`, one DataFrame an attribute.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from perflab import inert
from perflab.errors import RunError
from perflab.record.arrow import arrow_schema
from perflab.record.dataframe import assembled, dtypes, to_dataframe, values
from perflab.record.frames import FRAMES, SCHEMA
from perflab.record.parquet import write_file
from perflab.record.where import Filters, Where, check_names
from perflab.units import format_bytes

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa
    from pandas.api.extensions import ExtensionArray

    from perflab.record.by_column import Make
    from perflab.trace import Trace

__all__ = ["Frames"]


_TRACED = ("t", "key", "event", "tier", "nbytes", "duration_s", "operation")


class Frames(Mapping[str, "pd.DataFrame"]):
    """Every recorded frame, as an attribute and as a mapping.

    Missing values are `NA`, `NaN` or `NaT`, never 0. Dtypes: text `str`, repeated text `category`, whole numbers
    `Int64`, other numbers `float64`, truth `boolean`, `t` `datetime64[us, UTC]`. `frames.describe()` has units and
    meanings. A DataFrame's `attrs` have `units`, column -> unit, and facts of the whole frame, such as `rows_dropped`.

    Parameters
    ----------
    read
        Called with a frame, and by `select` with `columns` and `where` too; returns its Arrow table.
    by_column
        Called with a frame and a function that makes a column of pieces; see `by_column.by_column`. Without it a whole
        frame is made from a whole table, in about twice the memory.
    facts
        Called with a frame; returns what its `attrs` are to say beside the units, JSON-able.
    sizes
        Called with a frame; returns rows and bytes. By default the rows are read for it.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> recorder.access("page-1", "hit", "l1")
    >>> recorder.access("page-2", "miss")
    >>> recorder.frames.accesses[["key", "event", "tier"]].values.tolist()
    [['page-1', 'hit', 'l1'], ['page-2', 'miss', nan]]
    """

    def __init__(
        self,
        read: Callable[..., pa.Table],
        *,
        by_column: Callable[[str, Make[ExtensionArray]], dict[str, ExtensionArray]] | None = None,
        facts: Callable[[str], Mapping[str, Any]] | None = None,
        sizes: Callable[[str], tuple[int, int]] | None = None,
    ) -> None:
        self._read = read
        self._by_column = by_column
        self._facts = facts
        self._sizes = sizes

    def __getitem__(self, frame: str) -> pd.DataFrame:
        if frame not in FRAMES:
            raise KeyError(frame)
        return self._shown(frame, self._whole(frame))

    def __getattr__(self, frame: str) -> pd.DataFrame:
        if frame not in FRAMES:
            raise AttributeError(f"there is no frame {frame!r}; the frames are {', '.join(FRAMES)}")
        return self[frame]

    def __iter__(self) -> Iterator[str]:
        return iter(FRAMES)

    def __len__(self) -> int:
        return len(FRAMES)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *FRAMES]

    def __repr__(self) -> str:
        sizes = ((frame, *self._size(frame)) for frame in FRAMES)
        texts = (f"{frame}: {rows:,}" + (f" ({format_bytes(size)})" if rows else "") for frame, rows, size in sizes)
        return f"<Frames {', '.join(texts)}>"

    def _repr_html_(self) -> str:
        sizes = ((inert.html(frame), *self._size(frame)) for frame in FRAMES)
        body = "".join(
            f"<tr><th scope='row'>{frame}</th><td>{rows:,}</td><td>{format_bytes(size)}</td></tr>"
            for frame, rows, size in sizes
        )
        head = "<tr><th scope='col'>frame</th><th scope='col'>rows</th><th scope='col'>size</th></tr>"
        return f"<table><caption>Recorded frames</caption><thead>{head}</thead><tbody>{body}</tbody></table>"

    def select(self, frame: str, columns: Sequence[str] | None = None, **filters: Unpack[Filters]) -> pd.DataFrame:
        """Return only some rows and columns of a frame; of a run folder little else is read.

        Parameters
        ----------
        frame
            Its name.
        columns
            Names, in the order in which they are wanted; None wants all.
        filters
            `since` and `until`: an instant with a time zone, or a span such as `"-10min"` (before the newest row) or
            `"5min"` (after the oldest). `run_id`, `name`, `operation`, `event`, `tier`, `key`, `stream`: a text, or
            several of which one must be there. `perflab.record.where.Where` has the details.

        Raises
        ------
        ConfigError
            If there is no such frame or column, the frame cannot be filtered so, or a value is not allowed.

        Examples
        --------
        >>> from perflab.record import Recorder
        >>> recorder = Recorder()
        >>> for key, event in (("a", "miss"), ("a", "hit"), ("b", "miss")):
        ...     recorder.access(key, event)
        >>> recorder.frames.select("accesses", ["key"], event="miss")["key"].tolist()
        ['a', 'b']
        """
        check_names(frame, columns)
        rows = self._read(frame, columns=columns, where=Where.of(frame, **filters))
        return self._shown(frame, to_dataframe(rows))

    def trace(self, source: str = "a recorded run", **filters: Unpack[Filters]) -> Trace:
        """Return the program's reads as a trace, for what-if questions; see `perflab.trace.trace_of`.

        Parameters
        ----------
        source
            Where it comes from, for people.
        filters
            As for `select`, such as `operation="render"` or `since="-10min"`; without `event` and `tier`, since sizes
            and costs are learned from rows of every event.

        Examples
        --------
        >>> from perflab.record import Recorder
        >>> recorder = Recorder()
        >>> for key, event in (("a", "miss"), ("a", "hit"), ("b", "miss")):
        ...     recorder.access(key, event)
        >>> len(recorder.frames.trace()), recorder.frames.trace().keys
        (3, 2)
        """
        from perflab.trace import trace_of

        return trace_of(self.select("accesses", _TRACED, **filters), source)

    def newest(self, most: int) -> Frames:
        """Return the same frames without all but about the newest `most` rows of each, to look at very many quickly.

        Which rows these are is decided when a frame is first looked at, by time. A frame some of whose rows have no
        time (`record.timestamps = off`) stays whole: without its hits the rest would mislead.

        Examples
        --------
        >>> from perflab.record import Recorder
        >>> recorder = Recorder()
        >>> for key in "abc":
        ...     recorder.access(key, "miss")
        >>> recorder.frames.newest(2).accesses["key"].tolist()
        ['b', 'c']
        """
        since = cache(lambda frame: self._since(frame, most))

        def read(frame: str, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
            least, where = since(frame), where or Where()
            if least is None or where.since is None:
                return self._read(frame, columns=columns, where=dataclasses.replace(where, since=where.since or least))
            found = Where(since=least).filtered(self._read(frame, where=where))
            return found if columns is None else found.select(columns)

        return Frames(read, facts=self._facts)

    def describe(self) -> pd.DataFrame:
        """Return the table of what is recorded: frame, column, dtype, unit, meaning, and the rows there are now."""
        import pandas as pd

        kinds = {frame: dtypes(frame) for frame in FRAMES}
        rows = {frame: self._size(frame)[0] for frame in FRAMES}
        return pd.DataFrame(
            [(c.frame, c.name, str(kinds[c.frame][c.name]), c.unit, c.meaning, rows[c.frame]) for c in SCHEMA],
            columns=["frame", "column", "dtype", "unit", "meaning", "rows"],
        )

    def check(self) -> None:
        """Hold every frame against its schema: dtypes, signs of times and sizes, words that a column may hold.

        Raises
        ------
        RunError
            If something does not hold; the message has frame, column and what was found.
        ConfigError
            If the package pandera is not installed.
        """
        from perflab.record.check import check_frame

        for frame, rows in self.items():
            check_frame(frame, rows)

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Write one Parquet file a frame into a folder, which is made if it is missing; return the files.

        A file that is there already is replaced, at once and as a whole; its owner alone may read it. pandas, polars,
        DuckDB and dask.dataframe read the files; units and meanings stand in the metadata of their fields.

        Raises
        ------
        RunError
            If a file cannot be written.
        """
        target = Path(folder)
        files = [target / f"{frame}.parquet" for frame in FRAMES]
        try:
            target.mkdir(parents=True, exist_ok=True)
            for frame, file in zip(FRAMES, files, strict=True):
                write_file(file, [self._read(frame)], arrow_schema(frame))
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(f"The folder {str(target)!r} cannot be written: {reason}; choose another folder.") from error
        return files

    def _since(self, frame: str, most: int) -> datetime | None:
        """Return the time of the oldest of the newest rows; None if there are no more, or times are missing."""
        if self._size(frame)[0] <= most:
            return None
        import numpy as np
        import pandas as pd

        times = self.select(frame, ["t"])["t"].astype("int64").to_numpy()
        if len(times) <= most or times.min() == np.iinfo(np.int64).min:  # what NaT is
            return None
        least = int(np.partition(times, -most)[-most])
        return pd.Timestamp(least, unit="us", tz="UTC").to_pydatetime()

    def _whole(self, frame: str) -> pd.DataFrame:
        if self._by_column is None:
            return to_dataframe(self._read(frame))
        arrays = self._by_column(frame, values)
        return assembled(arrays, arrow_schema(frame), len(arrays["t"]))

    def _shown(self, frame: str, shown: pd.DataFrame) -> pd.DataFrame:
        if self._facts is not None:
            shown.attrs.update(self._facts(frame))
        return shown

    def _size(self, frame: str) -> tuple[int, int]:
        if self._sizes is not None:
            return self._sizes(frame)
        table = self._read(frame)
        return table.num_rows, table.nbytes
