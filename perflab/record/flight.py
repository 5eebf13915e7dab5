"""The flight ring: the last events before a program died.

In: events, each written into its slot of a memory-mapped file. Out: those events in order, also after `kill -9`.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import struct
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from perflab.errors import ConfigError
from perflab.record.arrow import LONGEST_TEXT, as_text
from perflab.record.slots import CODES, Slots

if TYPE_CHECKING:
    from perflab.record.operation import Operation

__all__ = ["FIRST_SLOT", "FORMAT", "HEADER", "MAGIC", "RING", "SLOTS", "SLOT_BYTES", "FlightRing", "Kind", "begin_text"]

RING = "flight.ring"
Kind = Literal["begin", "end", "failed", "event", "warning"]

MAGIC = b"perflab\0"
FORMAT = 1
HEADER = struct.Struct("<8sIII")
FIRST_SLOT = 64
SLOTS = (1, 65_536)
# The text's length is one byte, which bounds a slot at 42 + 255.
SLOT_BYTES = (64, 256)


class FlightRing(Slots):
    """A file of the run folder with the last events of this process; what was written survives the process.

    Parameters
    ----------
    path
        The file, which must not exist; it is made readable by its owner alone.
    slots
        Events that it holds, 1 to 65,536; each further one replaces the oldest.
    slot_bytes
        Bytes of an event, 64 to 256; the text has 42 less.
    clock
        Nanoseconds since 1970 (UTC).

    Attributes
    ----------
    on : bool
        Whether events are written.
    missed : int
        Events that could not be written, such as one of an unknown kind.

    Raises
    ------
    ConfigError
        If `slots` or `slot_bytes` is out of its bounds.

    Notes
    -----
    Where the file cannot be made, the ring is off and one warning says so. It survives the end of the process, not that
    of the operating system. It is thread-safe under the GIL; a forked child's ring is off.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> ring = FlightRing(Path(folder.name, RING))
    >>> ring.write("begin", "parse 'a.py'", 12)
    >>> from perflab.record.flight_read import read_ring
    >>> [(event.kind, event.text, event.number) for event in read_ring(ring.path).events]
    [('begin', "parse 'a.py'", 12)]
    >>> ring.close()
    >>> folder.cleanup()
    """

    def __init__(
        self, path: Path, slots: int = 512, slot_bytes: int = 160, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        _check("slots", slots, SLOTS)
        _check("slot_bytes", slot_bytes, SLOT_BYTES)
        size = FIRST_SLOT + slots * slot_bytes
        self.path = path
        view = _create(path, size)
        if view is not None:
            HEADER.pack_into(view, 0, MAGIC, FORMAT, slots, slot_bytes)
            self._map(view, FIRST_SLOT, slots, slot_bytes, None if clock is time.time_ns else clock)
            _rings.add(self)

    def write(self, kind: Kind, text: str, number: int = 0, duration_s: float | None = None) -> None:
        """Write one event; nothing is raised, text without room is cut.

        Parameters
        ----------
        kind
            `begin`, `end` or `failed` of an operation, `event` or `warning`.
        text
            What it is; for `begin` see `begin_text`.
        number
            Number of the operation that it belongs to, 0 for none.
        duration_s
            Wall time from begin to end.
        """
        if not self.on:
            return
        try:
            try:
                encoded = text.encode()
            except UnicodeEncodeError:
                encoded = text.encode("utf-8", "backslashreplace")
            self._put(CODES[kind], encoded, number, math.nan if duration_s is None else duration_s)
        except Exception:  # whatever is wrong with one event, the program that it tells of goes on
            self.missed += 1

    def close(self, *, keep: bool = False) -> None:
        """Stop writing and remove the file, unless it is to be kept.

        A second call does nothing, nor does that of a forked child.
        """
        if not self.on:
            return
        self._unmap()
        if not keep:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                warnings.warn(f"The flight ring {str(self.path)!r} is left: {error}.", RuntimeWarning, stacklevel=2)

    def _began_slowly(self, operation: Operation) -> None:
        self.write("begin", begin_text(operation.name, operation.key), operation.number)

    def _ended_slowly(self, operation: Operation) -> None:
        kind: Kind = "end" if operation.error is None else "failed"
        self.write(kind, operation.name, operation.number, operation.duration_s)


_rings: weakref.WeakSet[FlightRing] = weakref.WeakSet()


def _forget_all() -> None:
    for ring in list(_rings):
        ring._unmap()


# The mapping is shared with a forked child, whose events are not those of the program that owns the ring.
os.register_at_fork(after_in_child=_forget_all)


def _check(name: str, value: int, bounds: tuple[int, int]) -> None:
    low, high = bounds
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}; a flight ring has {low:,} to {high:,}.")


def _create(path: Path, size: int) -> mmap.mmap | None:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        _off(path, error)
        return None
    try:
        # Every block is there before the first event: a disk without room raises ENOSPC here. Writing to a mapped page
        # that has no block would raise nothing and end the program with SIGBUS. What is left of that hazard is another
        # program that truncates the file.
        os.posix_fallocate(handle, 0, size)
        return mmap.mmap(handle, size)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        _off(path, error)
        return None
    finally:
        os.close(handle)


def _off(path: Path, error: OSError) -> None:
    warnings.warn(
        f"The flight ring {str(path)!r} cannot be made ({error.strerror or error}); if this program dies, its last "
        "events are lost. Free space or name another run folder.",
        RuntimeWarning,
        stacklevel=4,
    )


def begin_text(name: str, key: object = None) -> str:
    """Return the text of an operation's begin: its name, and its key where it has one.

    Examples
    --------
    >>> begin_text("parse", "a.py"), begin_text("idle")
    ("parse 'a.py'", 'idle')
    """
    if key is None:
        return name
    # A key may be megabytes long, and `repr` of a text takes longer than all else that an event costs.
    return f"{name} '{key[:LONGEST_TEXT]}'" if type(key) is str else f"{name} {as_text(key)}"
