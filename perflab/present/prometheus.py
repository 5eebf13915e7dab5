"""A run as Prometheus reads it.

In: families of values. Out: metrics of prometheus_client, or text in Prometheus' exposition format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from perflab.present.families import BUCKETS_S, Family, families

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from perflab.present.report import ReportData

__all__ = ["collected", "exposition", "prometheus_name"]

_UNITS = {"s": "seconds", "By": "bytes", "1": "ratio"}


def prometheus_name(family: Family) -> str:
    """Return the family's name with its base unit, as Prometheus wants it; a counter's `_total` is not part of it.

    Source: Prometheus, "Metric and label naming".

    Examples
    --------
    >>> prometheus_name(Family("perflab.cache.memory.usage", "By", "gauge", "", ()))
    'perflab_cache_memory_usage_bytes'
    >>> prometheus_name(Family("process.memory.usage", "By", "gauge", "", ()))
    'perflab_process_memory_usage_bytes'
    """
    name = re.sub(r"[^a-zA-Z0-9_]", "_", family.name.removeprefix("perflab."))
    unit = _UNITS.get(family.unit, "")
    return f"perflab_{name}_{unit}" if unit and not name.endswith(f"_{unit}") else f"perflab_{name}"


def collected(found: Iterable[Family]) -> Iterator[Metric]:
    """Yield the families that have values as metrics of prometheus_client."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    for family in filter(lambda family: family.samples, found):
        labels = list(dict.fromkeys(name for sample in family.samples for name, _ in sample.labels))
        made = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
        metric = made[family.kind](prometheus_name(family), family.meaning, labels=labels)
        for sample in family.samples:
            values = [dict(sample.labels).get(label, "") for label in labels]
            if family.kind == "histogram":
                bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
                metric.add_metric(values, list(zip(bounds, sample.buckets, strict=True)), sample.value)
            else:
                metric.add_metric(values, sample.value)
        yield metric


def exposition(data: ReportData) -> str:
    """Return everything that is known of a run as text for Prometheus."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Once:
        def collect(self) -> Iterable[Metric]:
            return collected(families(data))

    registry = CollectorRegistry()
    registry.register(Once())
    return generate_latest(registry).decode()
