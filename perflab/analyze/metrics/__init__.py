"""Numbers with units from recorded frames.

In: the frames of a run. Out: the metrics frame: name, value, low, high, unit, how, method, n.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from perflab.analyze.metrics.accesses import cache
from perflab.analyze.metrics.concurrency import concurrency
from perflab.analyze.metrics.elapsed import elapsed
from perflab.analyze.metrics.memory import memory
from perflab.analyze.metrics.operations import operations
from perflab.analyze.metrics.optimization import optimization
from perflab.analyze.metrics.prefetching import prefetching
from perflab.analyze.metrics.processor import cpu
from perflab.analyze.metrics.reads import reads
from perflab.analyze.metrics.row import Metric, table
from perflab.analyze.metrics.warming import warming

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Metric",
    "RecordedFrames",
    "cache",
    "concurrency",
    "cpu",
    "elapsed",
    "memory",
    "metrics",
    "operations",
    "optimization",
    "prefetching",
    "reads",
    "table",
    "warming",
]


class RecordedFrames(Protocol):
    """The frames that metrics are computed from, such as `Recorder.frames`."""

    @property
    def samples(self) -> pd.DataFrame:
        """Samples of benchmarks."""

    @property
    def accesses(self) -> pd.DataFrame:
        """Events of caches."""

    @property
    def operations(self) -> pd.DataFrame:
        """What the program did."""

    @property
    def resources(self) -> pd.DataFrame:
        """Samples of the host."""


def _of_keys(found: Iterable[Metric], sampled: float) -> Iterator[Metric]:
    """Yield metrics that say of which share of the keys they are; counts are not scaled up."""
    for metric in found:
        known = sampled < 1 and metric.how != "unavailable"
        yield replace(metric, method=f"{metric.method}; of the recorded {sampled:.3g} of the keys") if known else metric


def metrics(
    frames: RecordedFrames, *, cores: int | None = None, confidence: float = 0.95, seed: int = 2026
) -> pd.DataFrame:
    """Return every metric that the targets know, measured or unavailable.

    Parameters
    ----------
    frames
        A run's frames. If `samples` has rows, the other frames count only as far as timed optimized arms recorded
        them; else they are a live system's own and count whole.
    cores
        Cores that the process could use; without it parallel efficiency is unavailable.
    confidence
        Confidence of the intervals.
    seed
        Seed of bootstrap intervals.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for event in ("hit", "hit", "hit", "miss"):
    ...     recorder.access("key", event)
    >>> found = metrics(recorder.frames).set_index("name")
    >>> float(found.value["cache.hit_rate"]), found.how["memory.peak"]
    (0.75, 'unavailable')
    """
    samples = frames.samples
    cached = cache(accesses := frames.accesses, samples, confidence, seed=seed)
    counted = (*prefetching(accesses, samples, confidence), *warming(accesses, samples, confidence))
    return table(
        [
            *elapsed(samples, confidence),
            *memory(samples, resources := frames.resources, confidence),
            *cached,
            *_of_keys((*counted, *reads(accesses, samples, confidence)), accesses.attrs.get("sample_ratio", 1.0)),
            *cpu(resources, samples, confidence),
            *concurrency(done := frames.operations, samples),
            *operations(done, samples, confidence),
            *optimization(samples, cached[0], cores, confidence),
        ]
    )
