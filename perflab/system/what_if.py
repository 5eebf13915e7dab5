"""What would have been: every size and policy over one trace.

In: a trace. Out: `WhatIf`: curves, hit rates, saved seconds, surfaces, recommendations, plots and a report.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import compiled, inert
from perflab.analyze.curve import Curve, grid, lru_curve, simulated_curve
from perflab.analyze.recommend import Objective, Recommendation
from perflab.analyze.simulate.workload import Unit, Workload
from perflab.errors import ConfigError
from perflab.trace import Setting, Trace
from perflab.units import parse_bytes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from perflab.present import Picture

__all__ = ["RECOMMENDABLE", "WhatIf"]

POLICIES = ("lru", "fifo", "clock", "lfu", "sieve", "s3fifo", "tinylfu", "gdsf", "belady")
"""What can be asked about."""

RECOMMENDABLE = ("lru", "fifo", "lfu", "sieve", "s3fifo", "tinylfu", "gdsf")
"""What a cache of perflab can be set to."""

_SHOWN = ("lru", "fifo", "sieve", "s3fifo", "tinylfu", "belady")


class WhatIf:
    """Answers for one trace; what was computed is kept, so that the next question about it costs nothing.

    Parameters
    ----------
    trace
        The accesses.
    by
        `"bytes"` or `"entries"`: what sizes are in. By default bytes, if the trace knows sizes.
    current
        The cache as it is set now, `(policy, size)`; by default what the trace was recorded with.
    workers
        Threads for curves; by default one a core.

    Raises
    ------
    ConfigError
        If `by` is no unit, bytes are asked for and the trace has no sizes, or entries are and only a share of the keys
        was recorded.

    Notes
    -----
    Sizes are whole numbers, or for bytes texts such as `"50MB"`. Policies are those of `perflab.cache.policy` with the
    same hits, access by access, and two that no cache here has: `clock`, and `belady`, which knows the future and so is
    a bound. The hits of `tinylfu` depend on hashes of the keys, which for texts differ from process to process, here as
    in a live cache. Without numba only the curve of `lru` is there, estimated.

    Examples
    --------
    >>> what_if = WhatIf(Trace.of(list("abcabcabca")))
    >>> what_if.hit_rate("lru", 2), what_if.hit_rate("lru", 3), what_if.hit_rate("belady", 2)
    (0.0, 0.7, 0.4)
    """

    def __init__(
        self,
        trace: Trace,
        *,
        by: Unit | None = None,
        current: Setting | tuple[str, int | str] | None = None,
        workers: int | None = None,
    ) -> None:
        self.trace = trace
        self.unit: Unit = by or ("entries" if trace.nbytes is None else "bytes")
        if self.unit == "entries" and trace.sample_ratio < 1:
            raise ConfigError(
                f"by is 'entries', and {trace.sample_ratio:.3g} of the keys were recorded; ask by='bytes', which are "
                "scaled up, or record all keys with record.sample_ratio = 1."
            )
        self._work = Workload.of(trace, self.unit)
        self._workers = workers
        self._curves: dict[str, Curve] = {}
        self._rates: dict[tuple[str, int], float] = {}
        self.current = self._setting(current)

    def __repr__(self) -> str:
        now = f", now {self.current.policy} with {self.current.size:,}" if self.current else ""
        return f"<WhatIf by {self.unit} over {self.trace!r}{now}>"

    def _repr_html_(self) -> str:
        return f"<p>{inert.html(repr(self))}</p>{self.trace._repr_html_()}"

    def curve(self, policy: str, sizes: Sequence[int | str] | None = None) -> Curve:
        """Return hit rates by size, ready to be read off in microseconds (`Curve.at`).

        Parameters
        ----------
        policy
            One of `POLICIES`.
        sizes
            Sizes to simulate; by default 48 from a 4096th of all keys to all of them. For LRU the whole curve is exact,
            and sizes are not asked for.

        Raises
        ------
        ConfigError
            If there is no such policy, or a size is below 1.
        PerflabError
            If the policy has to be simulated, and numba cannot be used.
        """
        self._check(policy)
        if sizes is not None:
            return simulated_curve(policy, self._work, [self._size(size) for size in sizes], self._workers)
        if policy not in self._curves:
            self._curves[policy] = self._made(policy)
        return self._curves[policy]

    def mrc(self, policy: str = "lru", sizes: Sequence[int | str] | None = None) -> pd.DataFrame:
        """Return the miss-ratio curve as a frame; see `Curve.frame`."""
        return self.curve(policy, sizes).frame()

    def hit_rate(self, policy: str, size: int | str) -> float:
        """Return the hit rate of a setting over the trace, exactly; NaN for an empty trace."""
        self._check(policy)
        wanted = self._size(size)
        if not len(self.trace):
            return math.nan
        if policy == "lru" and (self.unit == "entries" or not compiled.is_available()):
            return self.curve("lru").at(wanted)
        if (policy, wanted) not in self._rates:
            self._rates[policy, wanted] = float(self.hits(policy, wanted).mean())
        return self._rates[policy, wanted]

    def hits(self, policy: str, size: int | str) -> npt.NDArray[np.bool_]:
        """Return for each access whether the cache would have had it."""
        from perflab.analyze.simulate.run import hits

        self._check(policy)
        return hits(policy, self._work, self._size(size))

    def frame(self, policies: Sequence[str] = _SHOWN) -> pd.DataFrame:
        """Return the curves of several policies, one under the other; see `Curve.frame`."""
        import pandas as pd

        return pd.concat([self.curve(policy).frame() for policy in policies], ignore_index=True)

    def saved_seconds(
        self, policy: str, size: int | str, *, than: Setting | tuple[str, int | str] | None = None
    ) -> float:
        """Return the seconds of loads that a setting saves over the trace, more than another one does.

        It is estimated: each hit is taken to save the mean time of its key's recorded loads; NaN if no load was timed.

        Parameters
        ----------
        than
            The other setting; by default the current one, else no cache at all.
        """
        if not self._work.cost_stride:
            return math.nan
        other = self._setting(than) or self.current
        return self._saved(policy, self._size(size)) - (self._saved(other.policy, other.size) if other else 0.0)

    def total_seconds(self) -> float:
        """Return the seconds of loads without any cache; NaN if no load was timed."""
        costs = self.trace.costs
        return math.nan if costs is None else float(self._work.known_costs.sum())

    def sizes(self) -> list[int]:
        """Return the sizes at which policies are compared."""
        return [int(size) for size in grid(self._work)]

    def tiers(self, l1: int | str, l2: int | str) -> pd.DataFrame:
        """Return the hit rate of each of two LRU tiers of which the second holds what the first let go of.

        Both are read off one curve: together they hold what one tier of both sizes would.
        """
        import pandas as pd

        first = self.hit_rate("lru", l1)
        both = self.hit_rate("lru", self._size(l1) + self._size(l2))
        rows = [("l1", self._size(l1), first), ("l2", self._size(l2), both - first)]
        return pd.DataFrame(rows, columns=["tier", "size", "hit_rate"]).set_index("tier")

    def surface(self, ttl: Sequence[float], sizes: Sequence[int | str] | None = None) -> pd.DataFrame:
        """Return the hit rate of LRU for each time to live (rows, seconds) and size (columns).

        A time to live begins when a value is stored, and ends in a miss.

        Raises
        ------
        ConfigError
            If the trace has no times, or a time to live is not above 0.
        """
        import pandas as pd

        from perflab.analyze.simulate.run import lru_rates

        if self.trace.times is None:
            raise ConfigError(
                "the trace has no times, so that nothing is known of times to live; read one that has them"
            )
        lives = [_checked_ttl(ttl_s) for ttl_s in ttl]
        wanted = [self._size(size) for size in sizes] if sizes is not None else grid(self._work, 12).tolist()
        rates = lru_rates(self._work, wanted, lives, self._workers)
        return pd.DataFrame(rates, pd.Index(lives, name="ttl_s"), pd.Index(wanted, name="size"))

    def working_set(self, every: int | None = None) -> pd.DataFrame:
        """Return how much is used at a time: a row a window of `every` accesses, by default a fiftieth of them.

        Columns: `start` (number of the first access), `time` (s, if known), `accesses`, `keys` (counts), `nbytes`.
        """
        from perflab.analyze.window import working_set

        return working_set(self.trace, every or max(1, len(self.trace) // 50))

    def shards(self, keys: float = 0.1, *, seed: int = 2026) -> pd.DataFrame:
        """Return LRU's curve estimated from a share of the keys, with its bounds; see `analyze.estimate.shards`."""
        from perflab.analyze.estimate import shards

        return shards(self._work, keys, seed=seed, workers=self._workers)

    def recommend(
        self,
        objective: Objective = "hit_rate",
        constraints: Mapping[str, Any] | None = None,
        *,
        policies: Sequence[str] = RECOMMENDABLE,
    ) -> Recommendation:
        """Return the smallest setting that does what is wanted, and how sure that is.

        Parameters
        ----------
        objective
            `hit_rate`, `latency` or `memory`; see `analyze.recommend.choose`.
        constraints
            Some of `hit_rate` (at least; by default 0.9 for the objective of that name, and what the current setting
            has for `memory`), `max_size` (at most), `latency_s` (of loads an access, at most).
        policies
            What may be recommended.

        Raises
        ------
        ConfigError
            If there is no such objective, constraint or policy.
        """
        from perflab.system.advice import recommended

        for policy in policies:
            self._check(policy)
        given = dict(constraints or {})
        if given.get("max_size") is not None:
            given["max_size"] = self._size(given["max_size"])
        return recommended(self, objective, given, policies)

    def plot(self, policies: Sequence[str] = _SHOWN, *, target: float | None = None) -> Picture:
        """Return a plot of the curves, with the current setting, the target, the knee and Belady's bound."""
        from perflab.present.what_if import what_if_picture

        return what_if_picture([self.curve(policy) for policy in policies], self.trace, self.current, target)

    def report(
        self, path: str | os.PathLike[str], policies: Sequence[str] = _SHOWN, *, target: float | None = None
    ) -> Path:
        """Write plot, recommendation, choices and the trace's facts to one HTML file, and return its path.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        from perflab.present.what_if_report import write_what_if

        allowed = [policy for policy in policies if policy in RECOMMENDABLE]
        found = self.recommend(constraints=None if target is None else {"hit_rate": target}, policies=allowed)
        curves = [self.curve(policy) for policy in policies]
        return write_what_if(Path(path), curves, self.trace, self.current, found, target)

    def _made(self, policy: str) -> Curve:
        if policy != "lru":
            return simulated_curve(policy, self._work, grid(self._work), self._workers)
        if compiled.is_available():
            return lru_curve(self._work, self._workers)
        from perflab.analyze.estimate import aet_curve

        return aet_curve(self._work)

    def _saved(self, policy: str, size: int) -> float:
        return float(self._work.known_costs[self.hits(policy, size)].sum())

    def _setting(self, given: Setting | tuple[str, int | str] | None) -> Setting | None:
        if given is None:
            return self.trace.setting if self.unit == "bytes" else None
        policy, size = (given.policy, given.size) if isinstance(given, Setting) else given
        self._check(policy)
        return Setting(policy, self._size(size))

    def _size(self, size: Any) -> int:
        given = int(size) if hasattr(size, "__index__") and not isinstance(size, bool) else size
        try:
            whole = parse_bytes(given) if self.unit == "bytes" or isinstance(given, int) else 0
        except ValueError:
            whole = 0
        if whole < 1:
            texts = ", or a text such as '50MB'" if self.unit == "bytes" else ""
            raise ConfigError(f"size is {size!r}; it must be a whole number of {self.unit}, 1 or more{texts}")
        return whole

    @staticmethod
    def _check(policy: str) -> None:
        if policy not in POLICIES:
            raise ConfigError(f"policy is {policy!r}; it must be one of {', '.join(POLICIES)}")


def _checked_ttl(ttl_s: Any) -> float:
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or not ttl_s > 0:
        raise ConfigError(f"ttl is {ttl_s!r}; it must be seconds above 0")
    return float(ttl_s)
