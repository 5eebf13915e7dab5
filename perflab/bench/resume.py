"""Samples that an interrupted run has taken, so that the next one need not.

In: the `samples` table of that run. Out: the rows of each measuring process that finished, known by its hash seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Earlier"]


class Earlier:
    """The samples of an earlier run with the same seed, and so with the same order and hash seeds.

    Parameters
    ----------
    samples
        Its `samples`, with the columns of that frame.
    """

    def __init__(self, samples: pa.Table) -> None:
        self._samples = samples
        self._places: dict[tuple[object, object], list[int]] = {}
        names = ("workload", "hash_seed", "error")
        columns = (samples[name].to_pylist() for name in names)
        for place, (workload, hash_seed, error) in enumerate(zip(*columns, strict=True)):
            if error is None:
                self._places.setdefault((workload, hash_seed), []).append(place)

    def of(self, workload: str, hash_seed: int, count: int) -> pa.Table | None:
        """Return the samples of one process; None if it did not take as many as it should have."""
        places = self._places.get((workload, hash_seed), [])
        return self._samples.take(places) if len(places) == count else None
