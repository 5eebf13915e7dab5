"""Where diskcache keeps values: in the row, or in a file beside the database; bytes alone, never a pickle.

In: sealed values as bytes. Out: the columns of their rows, and the same bytes from them.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

from perflab.cache.disk.envelope import row_cost
from perflab.cache.disk.folder import VALUE_FILE
from perflab.errors import StoreError

__all__ = ["FILE_BYTES", "RefusedRowError", "SafeDisk"]

FILE_BYTES = 32_768
"""Sealed values from this size lie in files of their own."""


class RefusedRowError(StoreError):
    """A row, or its file, is not what this package writes; `reason` says in a word why."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class SafeDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache ships no types
    """Bytes in, bytes out. Every mode of diskcache that would unpickle, decode or leave the folder is refused."""

    durable = False

    def put(self, key: bytes) -> tuple[bytes, bool]:
        """Return the database's form of a key."""
        if type(key) is not bytes:
            raise StoreError(f"A key of type {type(key).__qualname__} reached the database; only bytes may.")
        return key, True

    def get(self, key: object, raw: object) -> bytes:
        """Return a key from the database's form."""
        if raw != 1 or type(key) is not bytes:
            raise RefusedRowError("A row has a key that is not plain bytes.", "mode")
        return key

    def store(self, value: bytes, read: bool, key: bytes = b"") -> tuple[int, int, str | None, bytes | None]:
        """Return size, mode, file name and database value of a sealed value; a large one is written to a file."""
        if read or type(value) is not bytes:
            raise StoreError(f"A value of type {type(value).__qualname__} reached the database; only bytes may.")
        cost = row_cost(key, value)
        if len(value) < self.min_file_size:
            return cost, MODE_RAW, None, value
        name, path = self.filename(key, value)
        self._write_private(Path(path), value)
        return cost, MODE_BINARY, name, None

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> bytes:
        """Return the sealed value of a row.

        Raises
        ------
        RefusedRowError
            If the row is of another mode than bytes, or names a file outside of the folder.
        OSError
            If the file cannot be read.
        """
        if not read and mode == MODE_RAW and type(value) is bytes and filename is None:
            return value
        if not read and mode == MODE_BINARY and isinstance(filename, str) and VALUE_FILE.fullmatch(filename):
            # A pipe that somebody put there would be waited for without O_NONBLOCK.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            handle = os.open(Path(self._directory, filename), flags)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise RefusedRowError(f"The value file {filename!r} is no regular file; it was not read.", "mode")
                return file.read()
        raise RefusedRowError(f"A row of mode {mode!r} is not plain bytes; it was not read.", "mode")

    def filename(self, key: object = None, value: object = None) -> tuple[str, str]:  # noqa: ARG002 (diskcache's)
        """Return a new file name, relative and full; it tells which process writes it."""
        digits = os.urandom(16).hex()
        name = f"{digits[:2]}/{digits[2:4]}/{os.getpid()}-{digits[4:]}.val"
        return name, str(Path(self._directory, name))

    def _write_private(self, path: Path, value: bytes) -> None:
        handle = self._create(path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value)
                if self.durable:
                    file.flush()
                    os.fsync(handle)
            if self.durable:
                for folder in (path.parent, path.parent.parent, Path(self._directory)):
                    _sync_folder(folder)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _create(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # Another process that empties its last value file removes the folders above it, also just made ones.
        for _ in range(9):
            path.parent.parent.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                path.parent.mkdir(mode=0o700, exist_ok=True)
                return os.open(path, flags, 0o600)
        return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
