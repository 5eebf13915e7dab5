"""What a flight ring tells: the last events of a program, and what it was in the middle of.

In: the file that a `FlightRing` wrote, whole or not. Out: `Flight`, its events as a frame, one sentence on the end.
"""

from __future__ import annotations

import codecs
import math
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from perflab.record.flight import FIRST_SLOT, FORMAT, HEADER, MAGIC, SLOT_BYTES, SLOTS
from perflab.record.slots import KINDS, slot_struct
from perflab.units import format_seconds

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Flight", "FlightEvent", "flight_frame", "last_words", "open_operations", "read_ring"]

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FlightEvent:
    """One event of a ring.

    Attributes
    ----------
    t : int
        When it was written, nanoseconds since 1970 (UTC).
    kind : str
        `begin`, `end`, `failed`, `event` or `warning`.
    text : str
        What it is; cut where the slot had no more room.
    number : int
        Number of the operation, 0 for none.
    duration_s : float or None
        Wall time from begin to end.
    """

    t: int
    kind: str
    text: str
    number: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Flight:
    """What a ring tells: events in order, and what is wrong with it, if anything."""

    events: tuple[FlightEvent, ...] = ()
    problem: str | None = None


def read_ring(path: Path) -> Flight:
    """Return the events of a ring, oldest first, also of one that is damaged or still written.

    Nothing is raised: what cannot be read is left out, and `problem` says why.
    """
    try:
        with _open(path) as file:
            header = file.read(FIRST_SLOT)
            return _read_slots(file, header)
    except FileNotFoundError:
        return Flight(problem="there is no flight ring")
    except OSError as error:
        return Flight(problem=f"the flight ring cannot be read ({error.strerror or error})")


def _open(path: Path) -> BinaryIO:
    # Without O_NONBLOCK, a pipe in its place would be waited for.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is no regular file")
    return file


def _read_slots(file: BinaryIO, header: bytes) -> Flight:
    if len(header) < FIRST_SLOT or not header.startswith(MAGIC):
        return Flight(problem="the file is no flight ring")
    _, version, slots, slot_bytes = HEADER.unpack_from(header)
    if version > FORMAT:
        return Flight(problem=f"the flight ring has format {version}; this perflab reads up to {FORMAT}")
    if not (SLOTS[0] <= slots <= SLOTS[1] and SLOT_BYTES[0] <= slot_bytes <= SLOT_BYTES[1]):
        return Flight(problem="the flight ring's header is damaged")
    content = file.read(slots * slot_bytes)
    whole = len(content) // slot_bytes
    found, damaged = _unpack(content[: whole * slot_bytes], slots, slot_bytes)
    newest = max(found, default=0)
    events = tuple(found[number] for number in sorted(found) if number > newest - slots)
    return Flight(events, _problem(slots, whole, damaged))


def _unpack(content: bytes, slots: int, slot_bytes: int) -> tuple[dict[int, FlightEvent], int]:
    events, damaged, unused = {}, 0, bytes(slot_bytes)
    for index, (first, t, number, duration_s, code, text, last) in enumerate(
        slot_struct(slot_bytes).iter_unpack(content)
    ):
        if 0 < first == last and first % slots == (index + 1) % slots and 1 <= code <= len(KINDS):
            known = None if math.isnan(duration_s) else duration_s
            events[first] = FlightEvent(t, KINDS[code - 1], _text(text), number, known)
        elif content[index * slot_bytes : (index + 1) * slot_bytes] != unused:
            damaged += 1
    return events, damaged


def _text(encoded: bytes) -> str:
    # Where the slot ended within a character, an incremental decoder leaves the begun one out.
    return codecs.getincrementaldecoder("utf-8")("replace").decode(encoded)


def _problem(slots: int, whole: int, damaged: int) -> str | None:
    problems = []
    if whole < slots:
        problems.append(f"the flight ring's file ends after {whole} of {slots} slots")
    if damaged:
        problems.append(f"{damaged} of {slots} slots of the flight ring are half-written or damaged")
    return "; ".join(problems) or None


def open_operations(events: Iterable[FlightEvent]) -> tuple[FlightEvent, ...]:
    """Return the begin of each operation that had not ended, outermost first, as far back as the ring reaches.

    Examples
    --------
    >>> begin = [FlightEvent(1, "begin", "outer", 1, None), FlightEvent(2, "begin", "inner", 2, None)]
    >>> [event.text for event in open_operations([*begin, FlightEvent(3, "end", "inner", 2, 0.5)])]
    ['outer']
    """
    begun: dict[int, FlightEvent] = {}
    for event in events:
        if event.kind == "begin":
            begun[event.number] = event
        elif event.kind in ("end", "failed"):
            begun.pop(event.number, None)
    return tuple(begun.values())


def last_words(flight: Flight, *, running: bool = False) -> str:
    """Return one sentence on what a program that left its ring was doing, or is doing; texts are raw.

    Examples
    --------
    >>> last_words(Flight((FlightEvent(10**9, "begin", "parse 'a.py'", 12, None),)))
    "The program ended during: parse 'a.py' (operation 12, begun 0 s before the last event)."
    """
    begun = open_operations(flight.events)
    if begun:
        intro = "The program is still running; it is in" if running else "The program ended during"
        return f"{intro}: {_named(begun, flight.events[-1].t)}."
    if running:
        return "The program is still running."
    if not flight.events:
        return f"What the program did last is unknown: {flight.problem or 'the flight ring has no events'}."
    last = flight.events[-1]
    return (
        f"No operation among the program's last {len(flight.events)} events was open when it ended; "
        f"the last event was: {last.kind} {last.text}."
    )


def _named(begun: Sequence[FlightEvent], end: int) -> str:
    innermost_first = [
        f"{event.text} (operation {event.number}, begun {format_seconds(max(0, end - event.t) / 1e9)} "
        "before the last event)"
        for event in begun[::-1]
    ]
    more = len(begun) - _SHOWN
    return "; ".join(innermost_first[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def flight_frame(flight: Flight) -> pd.DataFrame:
    """Return events as a frame: t (UTC), kind, text, operation_id, duration_s (s).

    `attrs["problem"]` says what is wrong with the ring, if anything.
    """
    import pandas as pd

    events = flight.events
    frame = pd.DataFrame(
        {
            "t": pd.to_datetime([event.t for event in events], unit="ns", utc=True).as_unit("us"),
            "kind": pd.Categorical([event.kind for event in events], categories=KINDS),
            "text": pd.Series([event.text for event in events], dtype="str"),
            "operation_id": pd.array([event.number or None for event in events], dtype="Int64"),
            "duration_s": pd.Series([event.duration_s for event in events], dtype="float64"),
        }
    )
    frame.attrs.update(units={"t": "UTC", "duration_s": "s"}, problem=flight.problem)
    return frame
