"""Recorded rows as pandas frames.

In: a function from a frame's name to its Arrow table. Out: `Frames`, one DataFrame an attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.record.frames import FRAMES, SCHEMA

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Frames"]


class Frames(Mapping[str, "pd.DataFrame"]):
    """Every recorded frame, as an attribute and as a mapping.

    Missing values are `NA` or `NaN`, never 0. Dtypes: text `str`, repeated text `category`, whole numbers `Int64`,
    other numbers `float64`, truth `boolean`, `t` `datetime64[us, UTC]`. `frames.describe()` has units and meanings.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> recorder.access("page-1", "hit", "l1")
    >>> recorder.frames.accesses[["key", "event", "tier"]].values.tolist()
    [['page-1', 'hit', 'l1']]
    """

    def __init__(self, read: Callable[[str], pa.Table]) -> None:
        self._read = read

    def __getitem__(self, frame: str) -> pd.DataFrame:
        if frame not in FRAMES:
            raise KeyError(frame)
        return _to_pandas(self._read(frame))

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
        counts = (f"{frame}: {self._read(frame).num_rows}" for frame in FRAMES)
        return f"<Frames {', '.join(counts)}>"

    def describe(self) -> pd.DataFrame:
        """Return the table of what is recorded: frame, column, dtype, unit, meaning."""
        import pandas as pd

        return pd.DataFrame([(c.frame, c.name, c.dtype, c.unit, c.meaning) for c in SCHEMA]).set_axis(
            ["frame", "column", "dtype", "unit", "meaning"], axis=1
        )

    def to_parquet(self, folder: str | Path) -> None:
        """Write one Parquet file a frame into a folder, which is made if it is missing."""
        import pyarrow.parquet as pq

        Path(folder).mkdir(parents=True, exist_ok=True)
        for frame in FRAMES:
            pq.write_table(self._read(frame), Path(folder) / f"{frame}.parquet", compression="zstd")


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.unify_dictionaries().to_pandas(types_mapper=nullable.get)
    frame.attrs["units"] = {
        field.name: unit.decode() for field in table.schema if (unit := (field.metadata or {}).get(b"unit"))
    }
    return frame
