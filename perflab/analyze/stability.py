"""Reasons to doubt a comparison: what was uncommon while it was measured.

In: the `samples` of a workload and the comparison of two of its arms. Out: sentences; none where nothing was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from perflab.analyze.pairs import Comparison, flag_outliers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["doubts"]

WIDE = 0.10
"""Width of an interval, as a ratio, from which a verdict hangs on luck."""
NOISY = 0.05
"""Noise floor from which a difference of a few per cent cannot be told."""
BUSY = 0.10
"""Share of all cores that other programs may use."""
STOLEN = 0.02
"""Share of CPU time that a hypervisor may take."""
STRAYED = 0.10
"""Share of samples that may lie outside Tukey's fences."""
DRIFTED = 0.10
"""Change of an arm's median from the first half of its samples to the second that blocks have to cancel."""


def doubts(samples: pd.DataFrame, comparison: Comparison, clock: str = "wall") -> list[str]:
    """Return why a result may be unstable, the gravest reason first.

    Parameters
    ----------
    samples
        The `samples` of the workload; warm-ups, failed samples and memory runs are left out.
    comparison
        What came of them.
    clock
        The time that is judged, `wall` or `cpu`.

    Examples
    --------
    >>> import pandas as pd
    >>> from perflab.analyze.pairs import compare
    >>> few = compare({0: 1.0, 1: 1.0}, {0: 0.5, 1: 0.5})
    >>> empty = pd.DataFrame(columns=["workload", "state", "arm", "workers", "pair", "purpose", "wall_s", "error"])
    >>> doubts(empty, few)
    ['2 pairs are too few for an interval']
    """
    timed = samples[(samples["purpose"] == "time") & (samples["pair"] >= 0) & samples["error"].isna()]
    checks: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: _interval(comparison),
        lambda: _noise(comparison),
        lambda: _shares(timed),
        lambda: _strays(timed),
        lambda: _drift(timed, f"{clock}_s"),
    )
    return [said for check in checks for said in check()]


def _interval(comparison: Comparison) -> Iterator[str]:
    if math.isnan(comparison.low):
        yield f"{comparison.pairs} pairs are too few for an interval"
    elif (width := comparison.high / comparison.low - 1) >= WIDE:
        yield f"the interval is {width:.0%} wide"


def _noise(comparison: Comparison) -> Iterator[str]:
    for arm, noise in (("baseline", comparison.baseline_noise), ("optimized", comparison.noise)):
        if noise >= NOISY:
            yield f"the {arm} differs from itself by {noise:.0%}"


def _shares(timed: pd.DataFrame) -> Iterator[str]:
    limits = (
        ("others_cpu_ratio", BUSY, "other programs used {:.0%} of all cores"),
        ("steal_ratio", STOLEN, "the hypervisor took {:.0%} of the CPU time"),
    )
    for column, limit, said in limits:
        seen = timed[column].median() if column in timed else math.nan
        if seen > limit:
            yield said.format(seen)


def _strays(timed: pd.DataFrame) -> Iterator[str]:
    if len(timed) and (share := float(flag_outliers(timed)["outlier"].astype("float64").mean())) > STRAYED:
        yield f"{share:.0%} of the samples are outliers"


def _drift(timed: pd.DataFrame, column: str) -> Iterator[str]:
    for arm, rows in timed.groupby(["arm", "state"], observed=True):
        times = rows.sort_values("pair")[column].dropna()
        half = len(times) // 2
        if half >= 6 and abs(change := float(times.iloc[-half:].median() / times.iloc[:half].median()) - 1) > DRIFTED:
            yield f"the {arm[0]} took {abs(change):.0%} {'more' if change > 0 else 'less'} time in the second half"
