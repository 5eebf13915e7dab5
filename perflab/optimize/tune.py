"""Find a better setting of the memory tiers in what was recorded: every candidate over the trace, simulated.

In: observed accesses, candidates. Out: the one that saves most, with what it is expected to save; nothing is changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from perflab.analyze.resample import mean_bounds
from perflab.analyze.simulate.workload import Workload
from perflab.errors import ConfigError
from perflab.optimize.price import Observed
from perflab.optimize.setting import MemorySetting, Untuned
from perflab.trace.trace import chosen_keys

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["LEAST_ACCESSES", "SEARCHES", "Forecast", "Forecaster", "Search", "check_search", "tune"]

LEAST_ACCESSES = 200
"""Below this a hit rate's 95 % interval is wider than 14 points, and no setting can be told from another."""

Search = Literal["halving", "grid", "optuna"]
SEARCHES: tuple[Search, ...] = ("halving", "grid", "optuna")

_KEPT = 3
"""Of so many candidates one goes on to the next round, which looks at so many times the accesses."""
_LEAST_OF_A_ROUND = 4_000
_LEAST_VALUES = 100
"""A sampled cache that holds fewer values than this is too coarse to stand for the whole one."""
_SAME_RATIO = 1e-3
"""What saves less than this more is not worth another change, nor more memory."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a setting is expected to save: seconds an access, or the share of accesses if no time is known.

    `low` and `high` bound it (95 %, by stretches of the trace); `how` names the method.
    """

    setting: MemorySetting
    saved: float
    low: float
    high: float
    how: str


class Forecaster:
    """Simulates settings over observed accesses; what was simulated is kept.

    The second half counts, with what the first left in the tiers.

    Parameters
    ----------
    seen
        What is known; later accesses are for the proof.

    Examples
    --------
    >>> import numpy as np
    >>> from perflab.trace import Trace
    >>> keys = np.tile(np.arange(10), 40)
    >>> trace = Trace.of(keys, nbytes=np.full(400, 1_000))
    >>> seen = Observed(trace, np.ones(400), np.zeros(400, dtype=bool), is_timed=False)
    >>> forecaster = Forecaster(seen)
    >>> [forecaster.saved(MemorySetting("lru", size, 0, 60.0)) for size in (9_000, 10_000)]
    [0.0, 1.0]
    """

    how = "simulated: the second half of the accesses that it was chosen by"

    def __init__(self, seen: Observed) -> None:
        self._seen = seen
        self._work = Workload.of(seen.trace, "bytes")
        self._savings: dict[MemorySetting, npt.NDArray[np.float64]] = {}

    def saved(self, setting: MemorySetting) -> float:
        """Return what a setting saves an access, on average over the second half."""
        return float(self._saved_each(setting).mean())

    def ratio(self, present: MemorySetting, setting: MemorySetting) -> float:
        """Return how long accesses are expected to wait with a setting / with the present one; 1 if none waits."""
        whole = float(self._seen.prices[len(self._seen) // 2 :].mean())
        before = whole - self.saved(present)
        return (whole - self.saved(setting)) / before if before > 0 else 1.0

    def forecast(self, setting: MemorySetting) -> Forecast:
        """Return the same with its bounds."""
        saved = self._saved_each(setting)
        left_out = "" if setting.untuned == Untuned() else "; bounds on entries and l2's own policy are left out"
        return Forecast(setting, float(saved.mean()), *mean_bounds(saved), self.how + left_out)

    def sample(self, share: float, seed: int) -> Forecaster:
        """Return a forecaster over a share of the keys, chosen by hash, whose settings are scaled by `scaled`."""
        return _Sampled(self._seen, share, seed)

    @property
    def accesses(self) -> int:
        """How many there are."""
        return len(self._work)

    @property
    def mean_bytes(self) -> float:
        """What a value weighs on average."""
        return max(1.0, float(self._work.weights.mean()))

    def _saved_each(self, setting: MemorySetting) -> npt.NDArray[np.float64]:
        from perflab.analyze.simulate.run import tiered

        if setting not in self._savings:
            found = tiered(setting.l1_policy, self._work, setting.l1_bytes, setting.l2_bytes, setting.l2_ttl_s)
            half = len(found) // 2
            self._savings[setting] = self._seen.prices[half:] * (found[half:] > 0)
        return self._savings[setting]


class _Sampled(Forecaster):
    """A cache of a share of the size over that share of the keys: Waldspurger et al., SHARDS, FAST 2015."""

    def __init__(self, seen: Observed, share: float, seed: int) -> None:
        kept = chosen_keys(seen.trace.keys, share, seed)[seen.trace.ids]
        sampled = replace(seen, trace=seen.trace.kept(kept), prices=seen.prices[kept], in_memory=seen.in_memory[kept])
        super().__init__(sampled)
        self._share = share

    def saved(self, setting: MemorySetting) -> float:
        first, behind = (round(size * self._share) for size in (setting.l1_bytes, setting.l2_bytes))
        return super().saved(replace(setting, l1_bytes=first, l2_bytes=behind))


def check_search(search: str) -> None:
    """Raise ConfigError if there is no such search."""
    if search not in SEARCHES:
        raise ConfigError(f"search is {search!r}; it must be one of {', '.join(SEARCHES)}.")


def tune(
    forecaster: Forecaster,
    settings: Sequence[MemorySetting],
    *,
    search: Search = "halving",
    seed: int = 2026,
    cancelled: Callable[[], bool] = lambda: False,
) -> Forecast:
    """Return the setting that saves most; of those that save as much to a thousandth, the one that changes least.

    Parameters
    ----------
    settings
        The candidates, the present setting first.
    search
        `halving`: all candidates over a ninth of the keys, the best third over a third of them, the best ninth over
        all (successive halving; Jamieson, Talwalkar, AISTATS 2016). `grid`: each over everything. `optuna`: a third of
        them, chosen by its TPE sampler; needs the extra `optuna`.
    seed
        Of the sampled keys, and of optuna.
    cancelled
        Asked between two candidates; once it is true, the best so far is returned.

    Raises
    ------
    ConfigError
        If there is no such search.
    PerflabError
        If numba cannot be used, or optuna is asked for and not installed.
    """
    check_search(search)
    if search == "optuna":
        from perflab.optimize.sampled import suggested

        left = suggested(forecaster.saved, settings, seed, cancelled)
    else:
        left = list(settings) if search == "grid" else _survivors(forecaster, settings, seed, cancelled)
    return forecaster.forecast(_best(forecaster, left, settings[0], cancelled))


def _survivors(
    forecaster: Forecaster, settings: Sequence[MemorySetting], seed: int, cancelled: Callable[[], bool]
) -> list[MemorySetting]:
    left = list(settings)
    for share in _shares(forecaster, max(setting.nbytes for setting in settings)):
        sample = forecaster.sample(share, seed)
        saved = {setting: sample.saved(setting) for setting in left if not cancelled()}
        left = sorted(saved, key=lambda setting: -saved[setting])[: math.ceil(len(left) / _KEPT)]
    return list(dict.fromkeys([settings[0], *left]))


def _shares(forecaster: Forecaster, nbytes: int) -> list[float]:
    """Return the shares of the keys of each round before the last; none where they would be too few."""
    values = nbytes / forecaster.mean_bytes
    shares = [1 / _KEPT**2, 1 / _KEPT]
    return [s for s in shares if forecaster.accesses * s >= _LEAST_OF_A_ROUND and values * s >= _LEAST_VALUES]


def _best(
    forecaster: Forecaster,
    settings: Sequence[MemorySetting],
    present: MemorySetting,
    cancelled: Callable[[], bool],
) -> MemorySetting:
    saved = {setting: forecaster.saved(setting) for setting in settings if not cancelled()} or {present: 0.0}
    enough = max(saved.values()) * (1 - _SAME_RATIO)
    good = [setting for setting in saved if saved[setting] >= enough]
    return min(good, key=lambda setting: (present.differences(setting), setting.nbytes, -saved[setting]))
