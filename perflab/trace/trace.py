"""One trace: the accesses of a program, in order.

In: arrays of equal length. Out: `Trace`, with a look at its head, its facts, a part of its keys, and a file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import inert
from perflab.errors import ConfigError, SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

__all__ = ["UNKNOWN_BYTES", "Setting", "Trace", "WrongLines"]

UNKNOWN_BYTES = -1
"""Size of a value that nobody ever stored, so that no cache can be said to hold it."""

_SHOWN_WRONG = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """A cache as it is set: the name of its policy and its size, in bytes or entries."""

    policy: str
    size: int


@dataclass(frozen=True, slots=True)
class WrongLines:
    """Lines of a file that were passed over: how many, and number and reason of the first ones."""

    count: int = 0
    first: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        if not self.count:
            return "no wrong lines"
        named = "; ".join(f"line {number:,}: {reason}" for number, reason in self.first[:_SHOWN_WRONG])
        more = "; ..." if self.count > min(len(self.first), _SHOWN_WRONG) else ""
        return f"{self.count:,} wrong {'line was' if self.count == 1 else 'lines were'} passed over ({named}{more})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trace:
    """Accesses in order, as dense arrays.

    Attributes
    ----------
    ids : int32 array
        Number of each access's key, from 0 in order of first appearance.
    labels : array
        The key of each number, as it was read.
    nbytes : int64 array or None
        Bytes of each access's value; `UNKNOWN_BYTES` where nothing was ever stored. None: no sizes are known.
    times : float64 array or None
        Seconds of each access, never falling.
    costs : float64 array or None
        Seconds that a load of each access's key takes; NaN where no load was timed.
    operations, operation_names : int32 array or None, tuple
        What each access belongs to, as a place in the names.
    source : str
        Where it comes from, for people.
    wrong : WrongLines
        What of its file was passed over.
    setting : Setting or None
        The cache that the accesses were recorded with.
    sample_ratio : float
        Share of the keys that were recorded. Below 1 each value stands for several, and `nbytes` are theirs together.

    Raises
    ------
    SourceError
        If the arrays differ in length, or the times go back.

    Examples
    --------
    >>> trace = Trace.of(["a", "b", "a"], nbytes=[10, 20, 10])
    >>> len(trace), trace.keys, trace.ids.tolist()
    (3, 2, [0, 1, 0])
    """

    ids: npt.NDArray[np.int32]
    labels: Any
    nbytes: Ints | None = None
    times: Floats | None = None
    costs: Floats | None = None
    operations: npt.NDArray[np.int32] | None = None
    operation_names: tuple[str, ...] = ()
    source: str = "memory"
    wrong: WrongLines = field(default_factory=WrongLines)
    setting: Setting | None = None
    sample_ratio: float = 1.0

    def __post_init__(self) -> None:
        for name in ("nbytes", "times", "costs", "operations"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.ids):
                raise SourceError(
                    f"The trace has {len(self.ids):,} accesses and {len(column):,} {name}; give one for each access."
                )
        _refuse_falling(self.times)

    @classmethod
    def of(cls, keys: Any, *, nbytes: Any = None, times: Any = None, costs: Any = None) -> Trace:
        """Return the trace of keys of any kind that pandas tells apart, with what else is known of each access."""
        import numpy as np
        import pandas as pd

        listed: Any = keys if isinstance(keys, np.ndarray) else pd.Series(keys, dtype=object)
        codes, labels = pd.factorize(listed)
        return cls(
            codes.astype(np.int32),
            labels,
            None if nbytes is None else np.asarray(nbytes, dtype=np.int64),
            None if times is None else np.asarray(times, dtype=np.float64),
            None if costs is None else np.asarray(costs, dtype=np.float64),
        )

    @property
    def keys(self) -> int:
        """How many different keys there are."""
        return len(self.labels)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        known = [name for name in ("nbytes", "times", "costs", "operations") if getattr(self, name) is not None]
        beside = f" with {', '.join(known)}" if known else ""
        return f"<Trace of {len(self):,} accesses to {self.keys:,} keys{beside}, from {self.source}>"

    def _repr_html_(self) -> str:
        return f"<p>{inert.html(repr(self))}</p>{self.describe().to_html(escape=True, na_rep='unknown')}"

    def head(self, count: int = 5) -> pd.DataFrame:
        """Return the first accesses: `key`, `time` (s), `size` (bytes), `cost` (s), `operation`; NA if not known."""
        return self.part(0, count).frame()

    def frame(self) -> pd.DataFrame:
        """Return all accesses as `head` does; this takes far more memory than the trace."""
        import numpy as np
        import pandas as pd

        labels = np.asarray(self.labels, dtype=getattr(self.labels, "dtype", object))
        columns: dict[str, Any] = {"key": labels[self.ids]}
        if self.times is not None:
            columns["time"] = self.times
        if self.nbytes is not None:
            columns["size"] = pd.Series(self.nbytes, dtype="Int64").mask(self.nbytes == UNKNOWN_BYTES)
        if self.costs is not None:
            columns["cost"] = self.costs
        if self.operations is not None:
            columns["operation"] = np.array([*self.operation_names, None], dtype=object)[self.operations]
        return pd.DataFrame(columns)

    def describe(self) -> pd.DataFrame:
        """Return the facts: a row a `quantity`, with `value` and `unit`; what is not known is NA."""
        import numpy as np
        import pandas as pd

        counts = np.bincount(self.ids, minlength=self.keys)
        span = None if self.times is None or not len(self) else float(self.times[-1] - self.times[0])
        rows = [
            ("accesses", len(self), "count"),
            ("keys", self.keys, "count"),
            ("keys wanted once", int((counts == 1).sum()), "count"),
            ("bytes of all keys", self._footprint(), "bytes"),
            ("highest hit rate of any cache", 1 - self.keys / len(self) if len(self) else None, "ratio"),
            ("time", span, "s"),
            ("wrong lines", self.wrong.count, "count"),
        ]
        table = pd.DataFrame(rows, columns=["quantity", "value", "unit"])
        table["value"] = pd.to_numeric(table["value"]).astype("Float64")
        return table.set_index("quantity")

    def part(self, start: int, stop: int) -> Trace:
        """Return the accesses from one number up to another."""
        import numpy as np

        kept = np.zeros(len(self), dtype=bool)
        kept[start:stop] = True
        return self.kept(kept)

    def sample(self, keys: float, *, seed: int = 2026) -> Trace:
        """Return all accesses to a share of the keys, chosen by hash: a small cache over it behaves like a large one.

        Waldspurger, Park, Garthwaite, Ahmad: Efficient MRC construction with SHARDS, FAST 2015. A cache of `keys` times
        the size has about the same hit rate; the error may be large on real traces (`shards` shows it).

        Raises
        ------
        ConfigError
            If the share is not above 0 and at most 1.
        """
        return self.kept(chosen_keys(self.keys, keys, seed)[self.ids])

    def operation(self, name: str) -> Trace:
        """Return the accesses of one operation.

        Raises
        ------
        ConfigError
            If the trace knows no such operation.
        """
        if self.operations is None or name not in self.operation_names:
            known = ", ".join(self.operation_names) or "none"
            raise ConfigError(f"operation is {name!r}; the trace knows {known}")
        return self.kept(self.operations == self.operation_names.index(name))

    def kept(self, kept: npt.NDArray[np.bool_]) -> Trace:
        """Return the accesses that are kept, with numbers of keys that are dense again."""
        import numpy as np
        import pandas as pd

        codes, numbers = pd.factorize(self.ids[kept])
        labels = np.asarray(self.labels, dtype=getattr(self.labels, "dtype", object))[numbers]
        columns: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[kept]
            for name in ("nbytes", "times", "costs", "operations")
        }
        return replace(self, ids=codes.astype(np.int32), labels=labels, **columns)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the trace to a `.csv` or `.parquet` file, which `read_trace` reads again; return the path.

        A `.csv` may have `.gz`, `.xz` or `.zst` behind it. Labels come back as text from a `.csv`.

        Raises
        ------
        ConfigError
            If the suffix is of another format.
        SourceError
            If the file cannot be written.
        """
        from perflab.trace.write import write_file

        return write_file(self, Path(path))

    def _footprint(self) -> int | None:
        import numpy as np

        if self.nbytes is None:
            return None
        last = np.zeros(self.keys, dtype=np.int64)
        last[self.ids] = np.maximum(self.nbytes, 0)
        return int(last.sum())


def chosen_keys(keys: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return for each number of a key whether it belongs to a share of all, by a hash that the seed turns.

    Raises
    ------
    ConfigError
        If the share is not above 0 and at most 1.
    """
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ConfigError(f"the share of keys is {share!r}; it must be above 0 and at most 1")
    return hashed(keys, seed) < share


def hashed(keys: int, seed: int) -> Floats:
    """Return a number in 0..1 for each number of a key; Steele, Lea, Flood: SplittableRandom, OOPSLA 2014."""
    import numpy as np

    mixed = np.arange(1, keys + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed & (1 << 64) - 1)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _refuse_falling(times: Floats | None) -> None:
    import numpy as np

    if times is None or len(times) < 2:
        return
    falls = np.flatnonzero(~(times[1:] >= times[:-1]))
    if len(falls):
        at = int(falls[0]) + 1
        raise SourceError(
            f"The times of the trace go back at access {at + 1:,}, from {times[at - 1]:g} to {times[at]:g} s; "
            "sort it by time, or read it with times=False (--no-times)."
        )
