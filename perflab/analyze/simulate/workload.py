"""What kernels work on.

In: a trace, and the unit that sizes are in. Out: `Workload`, its arrays in the types that kernels were compiled for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from perflab.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from perflab.trace import Trace

__all__ = ["UNITS", "Unit", "Workload", "as_key"]

Unit = Literal["entries", "bytes"]
UNITS: tuple[Unit, ...] = ("entries", "bytes")

_WORD = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class Workload:
    """A trace as kernels want it.

    Attributes
    ----------
    unit
        What sizes are in: `entries` or `bytes`.
    ids, keys
        Number of each access's key, and how many keys there are.
    weights, stride
        Weight of access `i` is `weights[i * stride]`: one entry, or its bytes; -1 for what nobody ever stored.
    costs, cost_stride
        Seconds that a load of access `i`'s key takes: `costs[i * cost_stride]`, NaN if not known.
    times
        Seconds of each access, or None.
    labels
        The key of each number.
    """

    unit: Unit
    ids: npt.NDArray[np.int32]
    keys: int
    weights: npt.NDArray[np.int64]
    stride: int
    costs: npt.NDArray[np.float64]
    cost_stride: int
    times: npt.NDArray[np.float64] | None
    labels: Any

    @classmethod
    def of(cls, trace: Trace, unit: Unit) -> Workload:
        """Return the workload of a trace.

        Raises
        ------
        ConfigError
            If there is no such unit, or the trace has no sizes to count bytes by.
        """
        import numpy as np

        if unit not in UNITS:
            raise ConfigError(f"by is {unit!r}; it must be one of {', '.join(UNITS)}")
        if unit == "bytes" and trace.nbytes is None:
            raise ConfigError("by is 'bytes', and the trace has no sizes; use by='entries'")
        weights, stride = _weights(trace, unit)
        costs = np.full(1, np.nan) if trace.costs is None else np.ascontiguousarray(trace.costs, dtype=np.float64)
        # A file may tell anything; a cost that is none counts as not known.
        costs = np.where(np.isfinite(costs) & (costs >= 0), costs, np.nan)
        ids = np.ascontiguousarray(trace.ids, dtype=np.int32)
        priced = int(trace.costs is not None)
        return cls(unit, ids, trace.keys, weights, stride, costs, priced, trace.times, trace.labels)

    def only(self, kept: npt.NDArray[np.bool_]) -> Workload:
        """Return some of the accesses; the numbers of the keys stay."""
        weights = self.weights[kept] if self.stride else self.weights
        costs = self.costs[kept] if self.cost_stride else self.costs
        times = None if self.times is None else self.times[kept]
        return replace(self, ids=self.ids[kept], weights=weights, costs=costs, times=times)

    @cached_property
    def hashes(self) -> npt.NDArray[np.uint64]:
        """What Python's `hash` makes of each key, as in a live cache of this process.

        Texts of whole numbers are taken for these, since recorded keys are texts. Other texts have other hashes in
        each process.
        """
        import numpy as np

        return np.array([hash(as_key(label)) & _WORD for label in self.labels], dtype=np.uint64)

    @property
    def known_costs(self) -> npt.NDArray[np.float64]:
        """The costs, 0 where they are not known."""
        import numpy as np

        return np.nan_to_num(self.costs)

    @property
    def priced_costs(self) -> npt.NDArray[np.float64]:
        """The costs; where they are not known the mean of the others, and 1 where none is known.

        A live cache takes the mean of those that it has seen so far, so that its first hits may be others.
        """
        import numpy as np

        known = self.costs[~np.isnan(self.costs)]
        return np.nan_to_num(self.costs, nan=float(known.mean()) if len(known) else 1.0)

    @property
    def heaviest(self) -> int:
        """The greatest weight."""
        return int(self.weights.max(initial=0))

    @property
    def footprint(self) -> int:
        """Size of a cache in which everything has room: the sum over all keys of the greatest weight that each has."""
        import numpy as np

        if not self.stride:
            return self.keys if len(self) else 0
        greatest = np.zeros(self.keys, dtype=np.int64)
        np.maximum.at(greatest, self.ids, self.weights)
        return int(greatest.sum())

    def __len__(self) -> int:
        return len(self.ids)


def as_key(label: Any) -> Any:
    """Return the key that a recorded text stands for: a whole number, if it is that of one."""
    if isinstance(label, str) and label.removeprefix("-").isdecimal() and str(int(label)) == label:
        return int(label)
    return label


def _weights(trace: Trace, unit: Unit) -> tuple[npt.NDArray[np.int64], int]:
    import numpy as np

    if unit == "bytes":
        return np.ascontiguousarray(trace.nbytes, dtype=np.int64), 1
    if trace.nbytes is None or not (trace.nbytes < 0).any():
        return np.ones(1, dtype=np.int64), 0
    return np.where(trace.nbytes < 0, -1, 1).astype(np.int64), 1
