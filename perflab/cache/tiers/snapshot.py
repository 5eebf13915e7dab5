"""The hot set in one file: what memory holds, hottest first, for a process that starts later.

In: entries, or the path of a file. Out: the file, whole or not at all; or the entries, after every byte was checked.
"""

from __future__ import annotations

import contextlib
import math
import os
import stat
import struct
import tempfile
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

import xxhash

from perflab.cache.codec import values as codec
from perflab.cache.entry import Entry
from perflab.cache.tiers.worth import Heat
from perflab.errors import StoreError
from perflab.record.arrow import as_text

__all__ = ["SNAPSHOT_VERSION", "Kept", "read_snapshot", "write_snapshot"]

SNAPSHOT_VERSION = 2
_MAGIC = b"perflab snapshot\n"
# version, checksum of all that follows (xxh3, 128 bit), bytes that follow it, number of entries, wall time
_HEADER = struct.Struct(">B16sQQd")
_LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Kept:
    """One entry of a snapshot: key, value, seconds that it has left, what its load costs or None, reads of it."""

    key: Hashable
    value: object
    ttl: float
    cost: float | None
    uses: float = 1.0


def write_snapshot(
    path: str | os.PathLike[str],
    entries: Iterable[Entry],
    heat: Mapping[str, Heat] = MappingProxyType({}),
    *,
    limit_bytes: float = math.inf,
    timer: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> int:
    """Write entries to a file, in place of what was there; return how many.

    Parameters
    ----------
    entries
        Hottest first. Those whose type has no safe encoding are left out; nothing is pickled.
    heat
        How often keys were read, by their texts.
    limit_bytes
        Greatest size of the file. The first entry that does not fit, and all after it, are left out.
    timer
        The clock of the entries' deadlines, seconds.
    wall
        Seconds since 1970: what is left of a time to live goes on while nobody runs.

    Raises
    ------
    StoreError
        If the file cannot be written; an older one is as it was.
    """
    target = Path(path)
    created, now = wall(), timer()
    bodies = _within(_encoded(entries, heat, created - now), limit_bytes - len(_MAGIC) - _HEADER.size)
    try:
        with _replacing(target) as file:
            return _write(file, bodies, created)
    except OSError as error:
        raise StoreError(f"The snapshot {str(target)!r} cannot be written ({error}); choose another path.") from error


def read_snapshot(path: str | os.PathLike[str], *, wall: Callable[[], float] = time.time) -> list[Kept]:
    """Return the live entries of a snapshot, hottest first.

    An entry with a time to live is live while `created <= wall() < expires`, as on disk.

    Raises
    ------
    StoreError
        If the file cannot be read, is no snapshot, is of another version, or is not what was written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_snapshot(Path(folder, "hot"), [Entry("page", {"title": "one"}, 100)])
    ...     [(kept.key, kept.value) for kept in read_snapshot(Path(folder, "hot"))]
    [('page', {'title': 'one'})]
    """
    name = os.fspath(path)
    try:
        data = _bytes_of(Path(name))
        _, _, _, count, created = _checked(data)
        kept = list(_decoded(memoryview(data)[len(_MAGIC) + _HEADER.size :], count, created, wall()))
    except (OSError, ValueError, TypeError, struct.error, StoreError) as error:
        raise StoreError(
            f"The snapshot {name!r} is refused: {str(error).rstrip('.')}; nothing of it was used."
        ) from error
    return kept


def _encoded(entries: Iterable[Entry], heat: Mapping[str, Heat], wall_of_timer: float) -> Iterator[bytes]:
    for entry in entries:
        if entry.facts.memory_only:
            continue
        with contextlib.suppress(StoreError):
            uses = heat.get(as_text(entry.key) or "", Heat()).uses
            yield codec.encode((entry.key, entry.value, entry.deadline + wall_of_timer, entry.facts.cost, uses))


def _within(bodies: Iterable[bytes], limit: float) -> Iterator[bytes]:
    used = 0
    for body in bodies:
        used += _LENGTH.size + len(body)
        if used > limit:
            return
        yield body


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Give a file that takes the target's place when all is written and on disk."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(file: IO[bytes], bodies: Iterable[bytes], created: float) -> int:
    file.write(_MAGIC + bytes(_HEADER.size))
    checksum, size, count = xxhash.xxh3_128(), 0, 0
    for body in bodies:
        for part in (_LENGTH.pack(len(body)), body):
            checksum.update(part)
            size += file.write(part)
        count += 1
    checksum.update(_facts(SNAPSHOT_VERSION, size, count, created))
    file.seek(len(_MAGIC))
    file.write(_HEADER.pack(SNAPSHOT_VERSION, checksum.digest(), size, count, created))
    return count


def _facts(version: int, size: int, count: int, created: float) -> bytes:
    return _HEADER.pack(version, bytes(16), size, count, created)


def _bytes_of(path: Path) -> bytes:
    # Opening a pipe would wait for someone who writes.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is no regular file")
        start = file.read(len(_MAGIC) + _HEADER.size)
        if not start.startswith(_MAGIC) or len(start) < len(_MAGIC) + _HEADER.size:
            raise ValueError("it is no snapshot of perflab")
        size = _HEADER.unpack_from(start, len(_MAGIC))[2]
        if os.fstat(handle).st_size != len(start) + size:
            raise ValueError("it is cut short or has bytes at its end")
        return start + file.read()


def _checked(data: bytes) -> tuple[int, bytes, int, int, float]:
    header: tuple[int, bytes, int, int, float] = _HEADER.unpack_from(data, len(_MAGIC))
    version, checksum, size, count, created = header
    if not 1 <= version <= SNAPSHOT_VERSION:
        raise ValueError(f"it has the version {version}, allowed is {SNAPSHOT_VERSION}")
    found = xxhash.xxh3_128(memoryview(data)[len(_MAGIC) + _HEADER.size :])
    found.update(_facts(version, size, count, created))
    if found.digest() != checksum:
        raise ValueError("it does not fit its checksum")
    return header


def _decoded(body: memoryview, count: int, created: float, now: float) -> Iterator[Kept]:
    at = 0
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size + length
        key, value, expires, cost, *uses = codec.decode(bytes(body[at - length : at]))  # version 1 has none
        hash(key)
        left = expires - now if created <= now or expires == math.inf else 0.0
        if left > 0:
            yield Kept(key, value, left, cost, *uses)
