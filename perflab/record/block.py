"""Rows of `accesses` as arrays, some twenty bytes a row.

In: segments of tapes. Out: a `Block`, which gives an Arrow table when somebody looks or the rows go to disk.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import arrow_schema, as_text, category, numbers, times, truths
from perflab.record.tape import Event, Segment, Timestamps

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Block", "to_block"]

_MISSING = -1
_NOT_A_TIME = -(2**63)
_EVENT_FIELDS = 8
_TEXT_BYTES = 60  # an `str` and its place in a list, beside its characters

Kind = tuple[str, str | None, str | None, bool]
Span = tuple[int, str | None, int | None, str]


@dataclass(slots=True)
class Block:
    """Rows of `accesses` in the order in which they happened.

    Attributes
    ----------
    t : int64 array
        Microseconds since 1970 (UTC); the least int64 where the time is not known.
    key : int32 array
        Indices into `texts`.
    kind : uint16 array
        Indices into `kinds`: event, tier, reason, and whether `t` is an estimate.
    nbytes : int32 or int64 array
        Bytes; -1 where they are not known.
    timed, durations : int64 and float64 arrays
        The rows whose duration is known, and it, in seconds.
    spans : list of (rows, operation, operation_id, stream)
        What neighbouring rows have in common.
    """

    run_id: str
    t: NDArray[np.int64]
    key: NDArray[np.int32]
    kind: NDArray[np.uint16]
    nbytes_: NDArray[np.integer[Any]]
    timed: NDArray[np.int64]
    durations: NDArray[np.float64]
    texts: list[str | None]
    kinds: list[Kind]
    spans: list[Span]

    @property
    def num_rows(self) -> int:
        """Rows."""
        return len(self.t)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        arrays = (self.t, self.key, self.kind, self.nbytes_, self.timed, self.durations)
        texts = sum(len(text or "") + _TEXT_BYTES for text in self.texts)
        return sum(array.nbytes for array in arrays) + texts + 100 * len(self.spans)

    def counts(self) -> Counter[object]:
        """Return how often each event is there."""
        import numpy as np

        found: Counter[object] = Counter()
        for kind, count in zip(self.kinds, np.bincount(self.kind, minlength=len(self.kinds)).tolist(), strict=True):
            found[kind[0]] += count
        return found

    def table(self) -> pa.Table:
        """Return the rows with the columns of the frame."""
        import numpy as np
        import pyarrow as pa

        rows = self.num_rows
        span = np.repeat(np.arange(len(self.spans), dtype=np.int32), [rows for rows, *_ in self.spans])
        seconds = np.zeros(rows)
        seconds[self.timed] = self.durations
        unknown = np.ones(rows, np.bool_)
        unknown[self.timed] = False
        operation_id = np.array([number or 0 for _, _, number, _ in self.spans], np.int64)[span]
        columns = {
            "run_id": category(np.zeros(rows, np.int32), [self.run_id]),
            "t": times(self.t, self.t == _NOT_A_TIME),
            "key": category(self.key, self.texts),
            "event": category(self.kind, [kind[0] for kind in self.kinds]),
            "tier": category(self.kind, [kind[1] for kind in self.kinds]),
            "nbytes": numbers(self.nbytes_.astype(np.int64), self.nbytes_ == _MISSING),
            "duration_s": numbers(seconds, unknown),
            "operation": category(span, [name for _, name, _, _ in self.spans]),
            "operation_id": numbers(operation_id, operation_id == 0),
            "stream": category(span, [stream for *_, stream in self.spans]),
            "reason": category(self.kind, [kind[2] for kind in self.kinds]),
            "t_estimated": truths(np.array([kind[3] for kind in self.kinds], np.bool_)[self.kind]),
        }
        schema = arrow_schema("accesses")
        return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def to_block(
    segments: Sequence[Segment], run_id: str, zero_ns: int, timestamps: Timestamps, sample_ratio: float = 1.0
) -> Block:
    """Turn segments into arrays.

    Parameters
    ----------
    segments
        In the order in which their rows are to stand.
    zero_ns
        Time of day at the timer's zero, nanoseconds since 1970 (UTC).
    timestamps
        How the times of hits were taken.
    sample_ratio
        Share of the keys whose rows are kept, chosen by a hash of the key; the same in every process.
    """
    import numpy as np

    texts: dict[str | None, int] = {}
    hits, hit_nbytes = _hits(segments, texts)
    columns = _Columns(texts, timestamps == "exact", ("hit", "l1", None, timestamps == "chunk"))
    parts = []
    done = 0
    for segment in segments:
        stop = done + len(segment.hits)
        parts.append(columns.of(segment, hits[done:stop], hit_nbytes[done:stop]))
        done = stop
    seconds, key, kind, nbytes, took = (np.concatenate([part[place] for part in parts]) for place in range(5))
    span = np.repeat(np.arange(len(segments)), [len(segment) for segment in segments])
    if len(segments) > 1:
        order = np.argsort(seconds, kind="stable")
        seconds, key, kind, nbytes, took, span = (column[order] for column in (seconds, key, kind, nbytes, took, span))
    t = ((seconds * 1e9).astype(np.int64) + zero_ns) // 1000
    if timestamps == "off":
        t[kind == 0] = _NOT_A_TIME
    timed = np.flatnonzero(~np.isnan(took))
    spans = _spans(span, segments)
    block = Block(run_id, t, key, kind, _narrow(nbytes), timed, took[timed], list(texts), columns.kinds, spans)
    return block if sample_ratio >= 1 else _sampled(block, sample_ratio)


def _hits(segments: Sequence[Segment], texts: dict[str | None, int]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return key and bytes of all hits, in order.

    Each distinct entry is numbered once, so that a row costs no more than reading the number of its entry.
    """
    import numpy as np

    entries = list(set(chain.from_iterable(segment.hits for segment in segments)))
    for code, entry in enumerate(entries):
        entry.code = code
    codes = np.array(array("i", [entry.code for segment in segments for entry in segment.hits]))
    key = np.array([texts.setdefault(as_text(entry.key), len(texts)) for entry in entries], np.int32)
    nbytes = np.array([entry.nbytes for entry in entries], np.int64)
    return key[codes], nbytes[codes]


class _Columns:
    """The columns of one segment after the other, with what they share."""

    def __init__(self, texts: dict[str | None, int], exact: bool, hit: Kind) -> None:
        self._texts = texts
        self._exact = exact
        self._kinds: dict[Kind, int] = {hit: 0}
        # A key may be slow to print, and the same object comes often.
        self._printed: dict[int, int] = {}

    @property
    def kinds(self) -> list[Kind]:
        return list(self._kinds)

    def of(self, segment: Segment, hits: NDArray[np.int32], hit_nbytes: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        """Return seconds, key, kind, bytes and duration of each row in order, events at their places among hits."""
        import numpy as np

        rows, count = len(segment), len(hits)
        at, read_s, keys, events, tiers, sizes, durations, reasons = _transposed(segment.events)
        # A thread that is noting an event while its tape is cut has counted hits that are gone.
        places = np.maximum.accumulate(np.minimum(np.array(at, np.int64), count)) + np.arange(len(at))
        is_hit = np.ones(rows, np.bool_)
        is_hit[places] = False
        hit_places = np.flatnonzero(is_hit)
        key, nbytes = np.empty(rows, np.int32), np.empty(rows, np.int64)
        kind, took = np.zeros(rows, np.uint16), np.full(rows, np.nan)
        key[hit_places], nbytes[hit_places] = hits, hit_nbytes
        key[places] = list(map(self._key, keys))
        nbytes[places] = [_MISSING if size is None else size for size in sizes]
        kind[places] = list(map(self._kind, zip(events, tiers, reasons, strict=True)))
        took[places] = durations
        for position, duration_s in segment.timed:
            took[hit_places[position]] = duration_s
        return self._seconds(segment, np.array(read_s, np.float64), places, hit_places), key, kind, nbytes, took

    def _seconds(
        self, segment: Segment, read_s: NDArray[np.float64], places: NDArray[np.int64], hit_places: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the time of each row; hits whose time was not read lie evenly between two clock reads."""
        import numpy as np

        rows = len(segment)
        if self._exact:
            seconds = np.empty(rows)
            seconds[places], seconds[hit_places] = read_s, segment.times
            return seconds
        reads = np.concatenate(([segment.begun], read_s, [segment.ended]))
        return np.interp(np.arange(rows), np.concatenate(([-1], places, [rows])), reads)

    def _key(self, key: object) -> int:
        code = self._printed.get(id(key))
        if code is None:
            code = self._printed[id(key)] = self._texts.setdefault(as_text(key), len(self._texts))
        return code

    def _kind(self, kind: tuple[str, str | None, str | None]) -> int:
        return self._kinds.setdefault((*kind, False), len(self._kinds))


def _transposed(events: Sequence[Event]) -> Sequence[Sequence[Any]]:
    return list(zip(*events, strict=True)) if events else [()] * _EVENT_FIELDS


def _spans(span: NDArray[np.int64], segments: Sequence[Segment]) -> list[Span]:
    """Return what neighbouring rows have in common, from the number of each row's segment."""
    import numpy as np

    starts = np.flatnonzero(np.diff(span, prepend=-1))
    lengths = np.diff(starts, append=len(span)).tolist()
    found = []
    for start, rows in zip(starts.tolist(), lengths, strict=True):
        segment = segments[span[start]]
        operation = segment.operation
        name, number = (None, None) if operation is None else (operation.name, operation.number)
        found.append((rows, name, number, segment.stream))
    return found


def _narrow(nbytes: NDArray[np.int64]) -> NDArray[np.integer[Any]]:
    import numpy as np

    return nbytes.astype(np.int32) if len(nbytes) == 0 or int(nbytes.max()) < 2**31 else nbytes


def _sampled(block: Block, ratio: float) -> Block:
    """Return the rows of those keys whose hash lies below the ratio."""
    import numpy as np
    import xxhash

    bound = int(ratio * 2**64)
    hashes = (xxhash.xxh3_64_intdigest((text or "").encode()) for text in block.texts)
    kept = np.array([number < bound for number in hashes], np.bool_)[block.key]
    place = np.cumsum(kept) - 1
    timed = kept[block.timed]
    ends = np.cumsum([rows for rows, *_ in block.spans])
    left = np.diff(np.cumsum(kept)[ends - 1], prepend=0)
    return Block(
        block.run_id,
        block.t[kept],
        block.key[kept],
        block.kind[kept],
        block.nbytes_[kept],
        place[block.timed[timed]],
        block.durations[timed],
        block.texts,
        block.kinds,
        [(int(rows), *span[1:]) for rows, span in zip(left, block.spans, strict=True)],
    )
