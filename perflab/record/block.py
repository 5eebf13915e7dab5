"""Rows of `accesses` as arrays, some twenty bytes a row.

In: arrays, and what they refer to. Out: Arrow tables, when somebody looks or the rows go to disk.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from perflab.record.arrow import arrow_schema, category, indexed, numbers, times, truths
from perflab.record.texts import Texts

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["MISSING", "Block", "Context", "Kind", "sampled"]

MISSING = -1
_CONTEXT_BYTES = 100
_TABLE_ROWS = 1 << 16

Kind = tuple[str, str | None, str | None, bool]
Context = tuple[str | None, int | None, str]


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
        Indices into `keys`, places of keys among `texts`, -1 for a missing one, and `sizes`, `nbytes` or -1 where it is
        not known. A key's size seldom changes.
    kind : uint8 or int32 array
        Indices into `kinds`: event, tier, reason, and whether `t` is an estimate.
    timed, durations : int64 and float64 arrays
        The rows whose duration is known, and it, in seconds.
    lengths, context : int32 arrays
        How many neighbouring rows have something in common, and what: indices into `contexts`.
    contexts : list of (operation, operation_id, stream)
        The distinct ones.
    """

    run_id: str
    first: int
    t: NDArray[np.integer[Any]]
    code: NDArray[np.int32]
    kind: NDArray[np.integer[Any]]
    timed: NDArray[np.int64]
    durations: NDArray[np.float64]
    texts: Texts
    keys: NDArray[np.int32]
    sizes: NDArray[np.int64]
    kinds: list[Kind]
    lengths: NDArray[np.int32]
    context: NDArray[np.int32]
    contexts: list[Context]

    @property
    def num_rows(self) -> int:
        """Rows."""
        return len(self.t)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        rows = self.t, self.code, self.kind, self.timed, self.durations, self.lengths, self.context
        arrays = (*rows, self.texts, self.keys, self.sizes)
        return sum(array.nbytes for array in arrays) + _CONTEXT_BYTES * len(self.contexts)

    def events(self) -> Counter[object]:
        """Return how often each event stands in the rows."""
        import numpy as np

        found: Counter[object] = Counter()
        for (event, *_), count in zip(self.kinds, np.bincount(self.kind, minlength=len(self.kinds)), strict=True):
            found[event] += int(count)
        return found

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows as tables with the columns of the frame, one after the other: they are five times as large."""
        import numpy as np

        texts = self.texts.arrow()
        context = np.repeat(self.context, self.lengths)
        for start in range(0, max(1, self.num_rows), _TABLE_ROWS):
            yield self._table(slice(start, start + _TABLE_ROWS), context[start : start + _TABLE_ROWS], texts)

    def _table(self, part: slice, context: NDArray[np.int32], texts: pa.Array) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        t, code, kind = self.t[part], self.code[part], self.kind[part]
        timed = slice(*np.searchsorted(self.timed, (part.start, part.stop)))
        seconds, unknown = np.zeros(len(t)), np.ones(len(t), np.bool_)
        seconds[self.timed[timed] - part.start] = self.durations[timed]
        unknown[self.timed[timed] - part.start] = False
        nbytes = self.sizes[code]
        operation_id = np.array([number or 0 for _, number, _ in self.contexts], np.int64)[context]
        columns = {
            "run_id": category(np.zeros(len(t), np.int32), [self.run_id]),
            "t": times(t.astype(np.int64) + self.first, t == np.iinfo(t.dtype).max),
            "key": indexed(self.keys[code], texts),
            "event": category(kind, [kind[0] for kind in self.kinds]),
            "tier": category(kind, [kind[1] for kind in self.kinds]),
            "nbytes": numbers(nbytes, nbytes == MISSING),
            "duration_s": numbers(seconds, unknown),
            "operation": category(context, [name for name, _, _ in self.contexts]),
            "operation_id": numbers(operation_id, operation_id == 0),
            "stream": category(context, [stream for *_, stream in self.contexts]),
            "reason": category(kind, [kind[2] for kind in self.kinds]),
            "t_estimated": truths(np.array([kind[3] for kind in self.kinds], np.bool_)[kind]),
        }
        schema = arrow_schema("accesses")
        return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def sampled(block: Block, ratio: float) -> Block:
    """Return the rows of those keys whose hash lies below the ratio."""
    import numpy as np
    import xxhash

    bound = int(ratio * 2**64)
    hashes = [xxhash.xxh3_64_intdigest(text.encode()) for text in (*block.texts, "")]  # the last for a missing key
    chosen = np.array([hashes[key] < bound for key in block.keys.tolist()], np.bool_)
    kept = chosen[block.code]
    place, code = np.cumsum(kept) - 1, np.cumsum(chosen) - 1
    timed = kept[block.timed]
    context = np.repeat(block.context, block.lengths)[kept]
    starts = np.flatnonzero(np.diff(context, prepend=-1))
    return replace(
        block,
        t=block.t[kept],
        code=code[block.code[kept]].astype(np.int32),
        kind=block.kind[kept],
        timed=place[block.timed[timed]],
        durations=block.durations[timed],
        keys=block.keys[chosen],
        sizes=block.sizes[chosen],
        lengths=np.diff(starts, append=len(context)).astype(np.int32),
        context=context[starts],
    )
