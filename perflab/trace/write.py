"""Traces as files.

In: a trace and a path. Out: a CSV or Parquet file that `read_file` reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.errors import ConfigError, SourceError
from perflab.trace.blocks import COMPRESSIONS

if TYPE_CHECKING:
    from perflab.trace.trace import Trace

__all__ = ["write_file"]

_PARQUET_SUFFIX, _CSV_SUFFIX = ".parquet", ".csv"


def write_file(trace: Trace, path: Path) -> Path:
    """Write a trace in the format that the suffix names, and return the path.

    Raises
    ------
    ConfigError
        If the suffix names no format that a trace is written in.
    SourceError
        If the file cannot be written.
    """
    bare = Path(path.stem) if path.suffix in COMPRESSIONS else path
    if bare.suffix != _CSV_SUFFIX and path.suffix != _PARQUET_SUFFIX:
        raise ConfigError(f"{path.name!r} must end in .csv, .csv.gz, .csv.xz, .csv.zst or .parquet.")
    try:
        if path.suffix == _PARQUET_SUFFIX:
            trace.frame().to_parquet(path, index=False)
        else:
            _write_text(trace, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceError(f"{str(path)!r} cannot be written: {reason}; choose another file.") from error
    return path


def _write_text(trace: Trace, path: Path) -> None:
    from pyarrow import csv

    with _sink(path) as sink:
        csv.write_csv(_table(trace), sink)


def _table(trace: Trace) -> Any:
    import pyarrow as pa

    frame = trace.frame()
    frame["key"] = frame["key"].astype(str)
    if "operation" in frame:
        frame["operation"] = frame["operation"].astype(str).where(frame["operation"].notna(), "")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return table.set_column(0, "key", table["key"].cast(pa.string()))


def _sink(path: Path) -> Any:
    if path.suffix == ".gz":
        import gzip

        return gzip.open(path, "wb")
    if path.suffix == ".xz":
        import lzma

        return lzma.open(path, "wb")
    if path.suffix == ".zst":
        import pyarrow as pa

        return pa.CompressedOutputStream(str(path), "zstd")
    return path.open("wb")
