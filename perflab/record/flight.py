"""The flight ring: the last events before a program died.

In: events, each written into its slot of a memory-mapped file. Out: those events in order, also after `kill -9`.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import os
import struct
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from perflab.errors import ConfigError
from perflab.record.arrow import LONGEST_TEXT, as_text

__all__ = [
    "FIRST_SLOT",
    "FORMAT",
    "HEADER",
    "KINDS",
    "MAGIC",
    "RING",
    "SLOTS",
    "SLOT_BYTES",
    "FlightRing",
    "Kind",
    "begin_text",
    "slot_struct",
]

RING = "flight.ring"
Kind = Literal["begin", "end", "failed", "event", "warning"]

KINDS: tuple[str, ...] = get_args(Kind)
_CODES = {kind: code for code, kind in enumerate(KINDS, 1)}
MAGIC = b"perflab\0"
FORMAT = 1
HEADER = struct.Struct("<8sIII")
FIRST_SLOT = 64
_FIXED_BYTES = 42
SLOTS = (1, 65_536)
# The text's length is one byte, which bounds a slot at 42 + 255.
SLOT_BYTES = (64, 256)
_NAN = math.nan


def slot_struct(slot_bytes: int) -> struct.Struct:
    """Return the layout of a slot: number of the event, t, operation, duration, kind, text, number of the event."""
    # `pack_into` clears the slot and fills it from front to back: one whose two numbers differ was not finished.
    return struct.Struct(f"<QqqdB{slot_bytes - _FIXED_BYTES + 1}pQ")


class FlightRing:
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
        self.missed = 0
        self._clock = clock
        self._pack = slot_struct(slot_bytes).pack_into
        self._places = zip(itertools.count(1), itertools.cycle(range(FIRST_SLOT, size, slot_bytes)))
        self._view = _create(path, size)
        if self._view is not None:
            HEADER.pack_into(self._view, 0, MAGIC, FORMAT, slots, slot_bytes)
            _rings.add(self)

    @property
    def on(self) -> bool:
        """Whether events are written."""
        return self._view is not None

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
        view = self._view
        if view is None:
            return
        try:
            try:
                encoded = text.encode()
            except UnicodeEncodeError:
                encoded = text.encode("utf-8", "backslashreplace")
            if duration_s is None:
                duration_s = _NAN
            code = _CODES[kind]
            now = self._clock()
            # Not `next`: CPython switches threads after calls and at backward jumps. From here to the end of `_pack`
            # there is none, so no thread can be overtaken by a turn of the ring and put an old event over a new one.
            for sequence, offset in self._places:  # noqa: B007
                break
            self._pack(view, offset, sequence, now, number, duration_s, code, encoded, sequence)
        except Exception:  # whatever is wrong with one event, the program that it tells of goes on
            self.missed += 1

    def close(self, *, keep: bool = False) -> None:
        """Stop writing and remove the file, unless it is to be kept.

        A second call does nothing, nor does that of a forked child.
        """
        if self._view is None:
            return
        self._forget()
        if not keep:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                warnings.warn(f"The flight ring {str(self.path)!r} is left: {error}.", RuntimeWarning, stacklevel=2)

    def _forget(self) -> None:
        # Not closed: another thread may be about to write, and the last reference to the mapping closes it.
        self._view = None


_rings: weakref.WeakSet[FlightRing] = weakref.WeakSet()


def _forget_all() -> None:
    for ring in list(_rings):
        ring._forget()


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
        f"The flight ring {str(path)!r} cannot be made ({error.strerror or error}); "
        "if this program dies, its last events are lost.",
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
