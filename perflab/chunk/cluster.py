"""A corpus of any size on a Dask cluster, its results a Parquet dataset.

In: paths or URLs that every worker can read, a function of a chunk, a folder or URL that every worker can write.
Out: one Parquet file a source, and a frame with a row a source.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.edits.manifest import content_digest
from perflab.chunk.languages.grammar import chunker_version
from perflab.chunk.operations.operations import function_of
from perflab.chunk.processing.slots import where
from perflab.chunk.processing.work import digest_of_code
from perflab.chunk.reading.stream import chunks
from perflab.errors import PerflabError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["to_dask"]

_ROWS = 4096
_COLUMNS = ("path", "part", "nbytes", "chunks", "failed", "reused", "duration_s", "error")
_TEXTS = ("path", "kind", "name", "digest", "language", "value", "error")
_NUMBERS = ("start", "stop", "start_line", "end_line")


def to_dask(
    paths: Iterable[str | PurePath],
    operation: str | Callable[[Chunk], Any],
    output: str | PurePath,
    *,
    client: Any,
    errors: Literal["raise", "collect"] = "raise",
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
    in_flight: int | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Compute a function of every chunk of many files on a Dask cluster and write the results as a Parquet dataset.

    A file is one task, read in windows, so that neither its worker nor this process holds more than a window of it; a
    task whose worker dies runs again on another one, and its file of results appears as a whole or not at all. A source
    whose content, operation and cut are those of an earlier call on the same dataset is not computed again.

    Parameters
    ----------
    paths
        Files or fsspec URLs; read only as fast as the cluster works.
    operation
        `parse`, `analyze`, `index`, or a function of a chunk whose values are JSON-able.
    output
        Folder or fsspec URL of the dataset: columns `path`, `start`, `stop` (bytes), `start_line`, `end_line`, `kind`,
        `name`, `digest`, `language`, `value` (JSON text; missing where the function raised) and `error`.
    client
        A `distributed.Client`, or the address of a scheduler.
    errors
        `raise` the first error of a source or a chunk when the tasks in flight are done, or `collect` them.
    max_bytes, window_bytes, timeout_s
        As for `split`.
    in_flight
        Tasks handed to the cluster at a time; by default four for each of its threads.
    storage_options
        What fsspec is given for `output`.

    Returns
    -------
    pandas.DataFrame
        One row a source, in the order of `paths`: `path`, `part` (name of its file in the dataset), `nbytes`, `chunks`,
        `failed` (chunks), `reused` (whether nothing was computed), `duration_s`, `error`.

    Raises
    ------
    ConfigError
        If there is no such operation, or nobody at the address.
    PerflabError
        The first error, with `raise`.
    """
    import pandas as pd

    work = _Work(
        function_of(operation),
        operation if isinstance(operation, str) else digest_of_code(operation),
        str(output),
        max_bytes,
        window_bytes,
        timeout_s,
        dict(storage_options or {}),
    )
    with _Connection(client) as connected:
        bound = in_flight or 4 * max(sum(connected.nthreads().values()), 1)
        found = list(_in_order(connected, work, map(str, paths), bound))
    work.sweep()
    frame = pd.DataFrame(found, columns=list(_COLUMNS)).astype({"error": "str"})
    if errors == "raise" and frame["error"].notna().any():
        raise PerflabError(str(frame["error"].dropna().iloc[0]))
    return frame


def _in_order(client: Any, work: _Work, paths: Iterator[str], bound: int) -> Iterator[dict[str, Any]]:
    """Yield what came of each path, in order, with so many tasks in flight."""
    submit = partial(client.submit, work, pure=False)
    waiting = [submit(path) for path in islice(paths, bound)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [submit(path) for path in islice(paths, 1)]


class _Connection:
    """A client, which is closed at the end if it was made here."""

    def __init__(self, client: Any) -> None:
        self._address = client if isinstance(client, str) else None
        self._client = client

    def __enter__(self) -> Any:
        if self._address is not None:
            from perflab.parallel.cluster import connect

            self._client = connect(self._address)
        return self._client

    def __exit__(self, *_: object) -> None:
        if self._address is not None:
            self._client.close()


@dataclass(frozen=True, slots=True)
class _Work:
    """What a task does with one source."""

    fn: Callable[[Chunk], Any]
    code: str
    output: str
    max_bytes: int
    window_bytes: int
    timeout_s: float
    storage_options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, path: str) -> dict[str, Any]:
        began = time.perf_counter()
        part = f"part-{digest_of(path.encode('utf-8', 'surrogateescape'))}.parquet"
        row: dict[str, Any] = {"path": path, "part": part}
        try:
            row |= self._made(path, part)
        except PerflabError as error:
            row["error"] = str(error)
        return {**row, "duration_s": time.perf_counter() - began}

    def sweep(self) -> None:
        """Remove what tasks left that were killed."""
        files, folder = self._folder()
        for name in files.glob(f"{folder}/.*.tmp"):
            files.rm_file(name)

    def _made(self, path: str, part: str) -> dict[str, Any]:
        files, folder = self._folder()
        state = [content_digest(path), self.code, chunker_version(), self.max_bytes, self.window_bytes]
        known = _summary_of(files, f"{folder}/{part}", state)
        if known is not None:
            return {**known, "reused": True}
        files.makedirs(folder, exist_ok=True)
        passing = f"{folder}/.{part}.{uuid.uuid4().hex}.tmp"
        summary = {"nbytes": 0, "chunks": 0, "failed": 0, "error": None}
        with files.open(passing, "wb") as file:
            _write(file, self._rows(path, summary), summary, state)
        files.mv(passing, f"{folder}/{part}")
        return {**summary, "reused": False}

    def _rows(self, path: str, summary: dict[str, Any]) -> Iterator[dict[str, Any]]:
        cut = chunks(path, max_bytes=self.max_bytes, window_bytes=self.window_bytes, timeout_s=self.timeout_s)
        for chunk in cut:
            row = {name: getattr(chunk, name) for name in (*_NUMBERS, "path", "kind", "name", "digest", "language")}
            summary["nbytes"] += len(chunk)
            summary["chunks"] += 1
            try:
                row["value"] = json.dumps(self.fn(chunk))
            except Exception as error:
                row["error"] = f"{type(error).__name__}: {error}"
                summary["failed"] += 1
                summary["error"] = summary["error"] or f"{row['error']} while processing {where(chunk)}"
            yield row

    def _folder(self) -> tuple[Any, str]:
        import fsspec  # type: ignore[import-untyped]  # ships no type information

        files, folder = fsspec.core.url_to_fs(self.output, **self.storage_options)
        return files, folder.rstrip("/")


def _write(file: Any, rows: Iterator[dict[str, Any]], summary: Mapping[str, Any], state: list[Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([*((name, pa.string()) for name in _TEXTS), *((name, pa.int64()) for name in _NUMBERS)])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while block := list(islice(rows, _ROWS)):
            writer.write_table(pa.Table.from_pylist([_storable(row) for row in block], schema))
        writer.add_key_value_metadata({_KEY: json.dumps({"state": state, "summary": summary})})


_KEY = "perflab"


def _storable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row whose texts can be stored: paths and names may have bytes in them that are no characters."""
    return {
        name: value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }


def _summary_of(files: Any, name: str, state: list[Any]) -> dict[str, Any] | None:
    """Return what an earlier call said of a part, if it was made from the same state."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with files.open(name, "rb") as file:
            stored = json.loads(pq.read_metadata(file).metadata[_KEY.encode()])
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException):
        return None
    found: dict[str, Any] = stored["summary"]
    return found if stored["state"] == state and not found["failed"] else None
