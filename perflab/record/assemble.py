"""From tapes to columns.

In: segments, hits as entries and other events as tuples. Out: a `Block` of all of them, in order of time.

All segments are handled at once: a program with many short operations has many short segments.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from perflab.record.arrow import as_text
from perflab.record.block import Block, Context, Kind, sampled
from perflab.record.known import Known, known
from perflab.record.tape import Hit, Segment, Timestamps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Numbered", "assemble", "number"]


class Numbered(NamedTuple):
    """The hits of some segments: the distinct entries, and of each hit the index of its entry."""

    entries: list[Hit]
    codes: NDArray[np.int32]

    def used(self, most: int = 1) -> list[Hit]:
        """Return the entries in order of their last hit, each as often as it was hit, but no more than `most` times."""
        import numpy as np

        last = np.empty(len(self.entries), np.int32)
        last[self.codes] = np.arange(len(self.codes), dtype=np.int32)  # of values for one place numpy keeps the last
        order = np.argsort(last)
        if most > 1:
            counts = np.minimum(np.bincount(self.codes, minlength=len(self.entries)), most)
            order = np.repeat(order, counts[order])
        return [self.entries[place] for place in order.tolist()]


def number(segments: Sequence[Segment]) -> Numbered:
    """Number the distinct entries of some segments.

    The number is written into the entry, so that a hit costs no more than reading it; it is good until the next call.
    """
    import numpy as np

    entries, codes = numbered([segment.hits for segment in segments])
    return Numbered(entries, np.frombuffer(codes, np.int32))


def _numbered(batches: Sequence[Sequence[Hit]]) -> tuple[list[Hit], array[int]]:
    """Do what `perflab._native.numbered` does, where that was not built."""
    entries = list(set(chain.from_iterable(batches)))
    for code, entry in enumerate(entries):
        entry.code = code
    return entries, array("i", [entry.code for batch in batches for entry in batch])


def _between(where: NDArray[np.float64], reads: NDArray[np.float64], rows: int) -> bytes:
    """Do what `perflab._native.between` does, where that was not built."""
    import numpy as np

    return np.interp(np.arange(rows), where, reads).tobytes()


try:
    from perflab._native import between, numbered
except ImportError:
    between, numbered = _between, _numbered  # type: ignore[assignment]  # these take arrays and lists alone


def assemble(
    segments: Sequence[Segment],
    hits: Numbered,
    run_id: str,
    zero_ns: int,
    timestamps: Timestamps,
    sample_ratio: float = 1.0,
) -> Block:
    """Turn segments into arrays.

    Parameters
    ----------
    segments, hits
        At least one segment, none of them empty; `number(segments)`.
    zero_ns
        Time of day at the timer's zero, nanoseconds since 1970 (UTC).
    timestamps
        How the times of hits were taken.
    sample_ratio
        Share of the keys whose rows are kept, chosen by a hash of the key; the same in every process.
    """
    import numpy as np

    kinds: dict[Kind, int] = {("hit", "l1", None, timestamps == "chunk"): 0}

    def kind_of(event: str, tier: str | None, reason: object) -> int:
        return kinds.setdefault((event, tier, as_text(reason), False), len(kinds))

    found = known(hits.entries, (segment.events for segment in segments), kind_of)
    columns = _columns(segments, hits, found, len(kinds), timestamps)
    seconds, timed, durations = columns["seconds"], columns["timed"], columns["durations"]
    if (seconds[1:] < seconds[:-1]).any():
        order = np.argsort(seconds, kind="stable")
        columns |= {name: columns[name][order] for name in ("seconds", "code", "kind")}
        timed, durations = _moved(timed, durations, order)
        runs = _runs(segments, order)
    else:
        runs = _runs(segments)
    first, t = _from_first(columns["seconds"], zero_ns, columns["kind"] == 0 if timestamps == "off" else None)
    block = Block(
        run_id=run_id,
        first=first,
        t=t,
        code=columns["code"],
        kind=columns["kind"],
        timed=timed,
        durations=durations,
        kinds=list(kinds),
        texts=found.texts,
        keys=found.keys,
        sizes=found.sizes,
        **runs,
    )
    return block if sample_ratio >= 1 else sampled(block, sample_ratio)


def _moved(
    timed: NDArray[np.int64], durations: NDArray[np.float64], order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which rows are timed, and their durations, after the rows were put in order."""
    import numpy as np

    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    moved = places[timed]
    by_place = np.argsort(moved)
    return moved[by_place], durations[by_place]


def _from_first(
    seconds: NDArray[np.float64], zero_ns: int, unknown: NDArray[np.bool_] | None
) -> tuple[int, NDArray[np.integer[Any]]]:
    """Return the first time, and all times from it, in microseconds: four bytes each for a block of up to an hour."""
    import numpy as np

    # In place, since rows are many and touching fresh memory takes longer than the sums.
    t = (seconds * 1e9).astype(np.int64)
    t += zero_ns
    t //= 1000
    first = int(t[0])
    t -= first
    kind = np.uint32 if int(t[-1]) < np.iinfo(np.uint32).max else np.int64
    since: NDArray[np.integer[Any]] = t.astype(kind)
    if unknown is not None:
        since[unknown] = np.iinfo(kind).max
    return first, since


def _columns(
    segments: Sequence[Segment], hits: Numbered, found: Known, kinds: int, timestamps: Timestamps
) -> dict[str, NDArray[Any]]:
    """Return the columns segment by segment, events at their places among hits."""
    import numpy as np

    rows = len(hits.codes) + len(found.at)
    places = _places(segments, found.at)
    hit_places = _others(rows, places)
    code, kind = np.empty(rows, np.int32), np.zeros(rows, np.uint8 if kinds < 2**8 else np.int32)
    if len(places):
        code[hit_places] = hits.codes
        code[places] = found.code
        kind[places] = found.kind
    else:
        code = hits.codes
    timed, took = _timed(segments, places, hit_places, found.took_s)
    seconds = _seconds(segments, found.now_s, places, hit_places, timestamps)
    return {"seconds": seconds, "code": code, "kind": kind, "timed": timed, "durations": took}


def _others(rows: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that are at none of these places."""
    import numpy as np

    if not len(places):
        return np.arange(rows)
    other = np.ones(rows, np.bool_)
    other[places] = False
    return np.flatnonzero(other)


def _places(segments: Sequence[Segment], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that events come to stand in: after the hits and the events before them."""
    import numpy as np

    hits = np.array([len(segment.hits) for segment in segments], np.int64)
    events = [len(segment.events) for segment in segments]
    # A thread that is noting an event while its tape is cut has counted hits that are gone.
    within = np.minimum(at, np.repeat(hits, events))
    before = within + np.repeat(np.cumsum(hits) - hits, events)
    return np.maximum.accumulate(before) + np.arange(len(at)) if len(at) else before


def _timed(
    segments: Sequence[Segment],
    places: NDArray[np.int64],
    hit_places: NDArray[np.int64],
    event_s: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which rows were timed, in order, and their durations in seconds."""
    import numpy as np

    found: list[int] = []
    hit_s: list[float] = []
    before = 0
    for segment in segments:
        for position, duration_s in segment.timed:
            found.append(before + position)
            hit_s.append(duration_s)
        before += len(segment.hits)
    known = ~np.isnan(event_s)
    rows = np.concatenate((hit_places[np.array(found, np.int64)], places[known]))
    order = np.argsort(rows)
    return rows[order], np.concatenate((hit_s, event_s[known]))[order]


def _seconds(
    segments: Sequence[Segment],
    read_s: NDArray[np.float64],
    places: NDArray[np.int64],
    hit_places: NDArray[np.int64],
    timestamps: Timestamps,
) -> NDArray[np.float64]:
    """Return the time of each row; hits whose time was not read lie evenly between two clock reads."""
    import numpy as np

    rows = len(places) + len(hit_places)
    if timestamps == "exact":
        times = np.frombuffer(b"".join(segment.times for segment in segments))
        if not len(places):
            return times
        seconds = np.empty(rows)
        seconds[places] = read_s
        seconds[hit_places] = times
        return seconds
    stops = np.cumsum([len(segment) for segment in segments])
    starts = stops - [len(segment) for segment in segments]
    where: NDArray[np.float64] = np.concatenate(
        (starts - 0.4, places, stops - 0.6)
    )  # just before the first row, just after the last
    reads = np.concatenate(([segment.begun for segment in segments], read_s, [segment.ended for segment in segments]))
    order = np.argsort(where, kind="stable")
    return np.frombuffer(between(where[order], reads[order], rows))


def _runs(segments: Sequence[Segment], order: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """Return what neighbouring rows have in common; rows are those of the segments one by one, or in an order."""
    import numpy as np

    contexts: dict[Context, int] = {}
    numbers = [contexts.setdefault(_context(segment), len(contexts)) for segment in segments]
    context = np.array(numbers, np.int32)
    lengths = np.array([len(segment) for segment in segments], np.int64)
    if order is not None:
        context = np.repeat(context, lengths)[order]
        lengths = np.ones(len(order), np.int64)
    starts = np.flatnonzero(np.diff(context, prepend=-1))
    sums = np.add.reduceat(lengths, starts).astype(np.int32)
    return {"lengths": sums, "context": context[starts], "contexts": list(contexts)}


def _context(segment: Segment) -> Context:
    operation = segment.operation
    name, number = (None, None) if operation is None else (as_text(operation.name), operation.number)
    return name, number, segment.stream
