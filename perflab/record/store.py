"""A run in a folder: `run.json` and one Parquet file a frame.

In: tables, facts of the run. Out: a folder that opens at any moment, also while it is written and after a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from perflab.errors import RunError
from perflab.owned import make_folder, open_own, refusal
from perflab.record.arrow import arrow_schema
from perflab.record.by_column import Made, Make, by_column
from perflab.record.footer import opened
from perflab.record.frames import FRAMES
from perflab.record.parquet import write_file
from perflab.record.rows import gather, pieces
from perflab.record.where import Where
from perflab.redact import redacted_facts
from perflab.regular import check_regular, read_regular

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["FORMAT", "RunFolder", "is_run", "is_written", "read_info", "read_table", "size_of", "write_atomically"]

FORMAT = 1
INFO = "run.json"
PARTS = "parts"
REPLACES = b"replaces"
READ_ATTEMPTS = 5
_MOST_INFO_BYTES = 64_000_000

T = TypeVar("T")


class RunFolder:
    """A run folder that is being written; one writer at a time.

    Parameters
    ----------
    path
        The folder; it is made, with its parents, readable by its owner alone.
    info
        Facts of the run, JSON-able. `format` and `status` are added.

    Raises
    ------
    RunError
        If the folder holds a run already, another system writes to it, it cannot be written, or is not safe to trust.
    """

    def __init__(self, path: Path, info: Mapping[str, Any]) -> None:
        self.path = path
        self._info = {"format": FORMAT, "status": "unfinished", **info}
        self._next = 0
        try:
            _claim(path)
            make_folder(path / PARTS)
            self._lock = _lock(path)
            self._begin()
        except OSError as error:
            raise RunError(f"The run folder {str(path)!r} cannot be written: {error.strerror}.") from error

    def _begin(self) -> None:
        try:
            if (self.path / INFO).exists():
                raise RunError(f"The folder {str(self.path)!r} holds a run already; choose a new one.")
            self._write_info()
        except BaseException:
            self.release()
            raise

    def write(self, frame: str, rows: Iterable[pa.Table | Path], replaces: Sequence[Path] = ()) -> Path:
        """Write rows of a frame as one more part and return its file.

        `rows` has tables, and files that are read row group by row group. The part names the parts that it `replaces`:
        if the program dies before they are removed, readers skip them.
        """
        schema = arrow_schema(frame)
        if replaces:
            names = json.dumps([path.name for path in replaces])
            schema = schema.with_metadata({**schema.metadata, REPLACES: names})
        target = self.path / PARTS / f"{frame}-{self._next:06d}.parquet"
        self._next += 1
        write_file(target, pieces(frame, rows), schema)
        return target

    def update(self, **info: Any) -> None:
        """Add facts to `run.json`."""
        self._info |= info
        self._write_info()

    def finish(self, rows: Mapping[str, Iterable[pa.Table | Path]], **info: Any) -> dict[str, Path]:
        """Write one file a frame, mark the run with its status, remove the parts; return the files by frame.

        `rows` has tables, and files that are read row group by row group, so that memory holds little of them.
        """
        files = {frame: self.path / f"{frame}.parquet" for frame in FRAMES}
        for frame, file in files.items():
            write_file(file, pieces(frame, rows[frame]), arrow_schema(frame))
        self.update(**info)
        for part in (self.path / PARTS).iterdir():
            part.unlink()
        (self.path / PARTS).rmdir()
        return files

    def release(self) -> None:
        """Let others write to the folder; also called when the run could not be finished."""
        self._lock.close()

    def _write_info(self) -> None:
        facts = redacted_facts(json.loads(json.dumps(self._info, default=str)))
        write_atomically(self.path / INFO, json.dumps(facts, indent=1, sort_keys=True) + "\n")


def _claim(path: Path) -> None:
    make_folder(path)
    reason = refusal(path)
    if reason is not None:
        raise RunError(f"The run folder {str(path)!r} is refused: {reason}.")


def _lock(path: Path) -> IO[bytes]:
    lock = os.fdopen(open_own(path / ".lock"), "wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise RunError(f"Another system writes to the run folder {str(path)!r}; choose a new one.") from None
    return lock


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Write a file so that a reader sees the old content or the new, never a part; text is written as UTF-8."""
    handle, hidden = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        Path(hidden).chmod(mode)
        Path(hidden).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(hidden).unlink()
        raise


def is_run(path: Path) -> bool:
    """Return whether a folder holds a run."""
    return (path / INFO).is_file()


def is_written(folder: Path) -> bool:
    """Return whether a running program writes to a run folder."""
    # Its writer holds this lock as long as it lives. Without O_NONBLOCK, a pipe in its place would be waited for.
    try:
        lock = os.open(folder / ".lock", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


def read_info(path: Path) -> dict[str, Any]:
    """Return the content of a run's `run.json`.

    Raises
    ------
    RunError
        If there is no run, it cannot be read, or a newer perflab wrote it.
    """
    try:
        info = json.loads(read_regular(_inside(path / INFO), _MOST_INFO_BYTES))
    except FileNotFoundError:
        raise RunError(f"{str(path)!r} holds no run; a run folder has a {INFO}.") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{str(path / INFO)!r} cannot be read: {reason}; choose a whole run.") from error
    if not isinstance(info, dict) or not isinstance(info.get("format"), int):
        raise RunError(f"{str(path / INFO)!r} does not say its format; it was not written by perflab.")
    if info["format"] > FORMAT:
        raise RunError(f"The run {str(path)!r} has format {info['format']}; this perflab reads up to {FORMAT}.")
    return info


def read_table(path: Path, frame: str, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
    """Return rows of one frame of a run folder, finished or not; a frame without file has no rows.

    Parameters
    ----------
    columns
        Names, in the order in which they are wanted; None wants all.
    where
        Which rows; what surely holds none is not read.

    Raises
    ------
    RunError
        If a file is damaged.
    ConfigError
        If there is no such frame or column.
    """
    return _attempted(path, frame, lambda files: gather(frame, files, columns, where))


def columns_of(path: Path, frame: str, make: Make[Made]) -> dict[str, Made]:
    """Return what `make` makes of each column of one frame of a run folder; see `by_column.by_column`.

    Raises
    ------
    RunError
        If a file is damaged.
    """
    return _attempted(path, frame, lambda files: by_column(frame, files, make))


def size_of(path: Path, frame: str) -> tuple[int, int]:
    """Return rows and bytes on disk of one frame of a run folder; no row is read for it.

    Raises
    ------
    RunError
        If a file is damaged.
    """

    def measured(files: Sequence[Path]) -> tuple[int, int]:
        return sum(_facts(file).num_rows for file in files), sum(file.stat().st_size for file in files)

    return _attempted(path, frame, measured)


def _attempted(path: Path, frame: str, read: Callable[[list[Path]], T]) -> T:
    import pyarrow as pa

    try:
        for _ in range(READ_ATTEMPTS - 1):
            # The run may be going on: a part that was listed can be replaced before it is opened.
            with contextlib.suppress(FileNotFoundError):
                return read(_files(path, frame))
        return read(_files(path, frame))
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"The frame {frame!r} of the run {str(path)!r} cannot be read: {str(error).rstrip('.')}; move its file "
            "away to read the others."
        ) from error


def _files(path: Path, frame: str) -> list[Path]:
    # Parts are removed only once the whole file is there: listed in this order, rows are found in one or the other.
    parts = [_inside(part) for part in sorted((path / PARTS).glob(f"{frame}-*.parquet"))]
    whole = path / f"{frame}.parquet"
    if os.path.lexists(whole):
        return [_inside(whole)]
    facts = [_facts(part).metadata or {} for part in parts]
    replaced = {name for known in facts for name in json.loads(known.get(REPLACES, "[]"))}
    return [part for part in parts if part.name not in replaced]


def _inside(file: Path) -> Path:
    """Return a file of a run folder; an error if it is a pipe, or a link that leads somewhere else."""
    check_regular(file)
    return file


def _facts(file: Path) -> pq.FileMetaData:
    with opened(file) as stored:
        return stored.metadata
