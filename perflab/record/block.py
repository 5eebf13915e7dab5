"""Rows of `accesses` as arrays, some twenty bytes a row.

In: arrays, and what they refer to. Out: an Arrow table, when somebody looks or the rows go to disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import arrow_schema, category, numbers, times, truths

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["MISSING", "Block", "Kind", "Span", "sampled"]

MISSING = -1
_TEXT_BYTES = 60  # an `str` and its place in a list, beside its characters
_SPAN_BYTES = 100

Kind = tuple[str, str | None, str | None, bool]
Span = tuple[int, str | None, int | None, str]


@dataclass(slots=True)
class Block:
    """Rows of `accesses` in the order in which they happened.

    Attributes
    ----------
    first : int
        Microseconds since 1970 (UTC) that `t` counts from.
    t : uint32 or int64 array
        Microseconds from `first`; the greatest number of its dtype where the time is not known.
    code : int32 array
        Indices into `texts` and `sizes`: the key, and `nbytes`, -1 where not known. A key's size seldom changes.
    kind : uint16 array
        Indices into `kinds`: event, tier, reason, and whether `t` is an estimate.
    timed, durations : int64 and float64 arrays
        The rows whose duration is known, and it, in seconds.
    spans : list of (rows, operation, operation_id, stream)
        What neighbouring rows have in common.
    """

    run_id: str
    first: int
    t: NDArray[np.integer[Any]]
    code: NDArray[np.int32]
    kind: NDArray[np.uint16]
    timed: NDArray[np.int64]
    durations: NDArray[np.float64]
    texts: list[str | None]
    sizes: NDArray[np.int64]
    kinds: list[Kind]
    spans: list[Span]
    text_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.text_bytes = sum(len(text) + _TEXT_BYTES for text in self.texts if text is not None)

    @property
    def num_rows(self) -> int:
        """Rows."""
        return len(self.t)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        arrays = (self.t, self.code, self.kind, self.timed, self.durations, self.sizes)
        return sum(array.nbytes for array in arrays) + self.text_bytes + _SPAN_BYTES * len(self.spans)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows as one table with the columns of the frame."""
        import numpy as np
        import pyarrow as pa

        rows = self.num_rows
        span = np.repeat(np.arange(len(self.spans), dtype=np.int32), [rows for rows, *_ in self.spans])
        seconds = np.zeros(rows)
        seconds[self.timed] = self.durations
        unknown = np.ones(rows, np.bool_)
        unknown[self.timed] = False
        nbytes = self.sizes[self.code]
        operation_id = np.array([number or 0 for _, _, number, _ in self.spans], np.int64)[span]
        columns = {
            "run_id": category(np.zeros(rows, np.int32), [self.run_id]),
            "t": times(self.t.astype(np.int64) + self.first, self.t == np.iinfo(self.t.dtype).max),
            "key": category(self.code, self.texts),
            "event": category(self.kind, [kind[0] for kind in self.kinds]),
            "tier": category(self.kind, [kind[1] for kind in self.kinds]),
            "nbytes": numbers(nbytes, nbytes == MISSING),
            "duration_s": numbers(seconds, unknown),
            "operation": category(span, [name for _, name, _, _ in self.spans]),
            "operation_id": numbers(operation_id, operation_id == 0),
            "stream": category(span, [stream for *_, stream in self.spans]),
            "reason": category(self.kind, [kind[2] for kind in self.kinds]),
            "t_estimated": truths(np.array([kind[3] for kind in self.kinds], np.bool_)[self.kind]),
        }
        schema = arrow_schema("accesses")
        yield pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def sampled(block: Block, ratio: float) -> Block:
    """Return the rows of those keys whose hash lies below the ratio."""
    import numpy as np
    import xxhash

    bound = int(ratio * 2**64)
    hashes = (xxhash.xxh3_64_intdigest((text or "").encode()) for text in block.texts)
    kept = np.array([number < bound for number in hashes], np.bool_)[block.code]
    place = np.cumsum(kept) - 1
    timed = kept[block.timed]
    ends = np.cumsum([rows for rows, *_ in block.spans])
    left = np.diff(np.cumsum(kept)[ends - 1], prepend=0)
    return Block(
        block.run_id,
        block.first,
        block.t[kept],
        block.code[kept],
        block.kind[kept],
        place[block.timed[timed]],
        block.durations[timed],
        block.texts,
        block.sizes,
        block.kinds,
        [(int(rows), *span[1:]) for rows, span in zip(left, block.spans, strict=True)],
    )
