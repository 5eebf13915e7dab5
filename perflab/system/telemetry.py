"""Metrics of a system at work as instruments of OpenTelemetry.

In: families of values, and a meter. Out: an observable instrument each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from perflab.errors import ConfigError
from perflab.present.families import Family, Sample

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation

__all__ = ["observe"]

Snapshots = Callable[[], Iterable[Family]]


def observe(snapshots: Snapshots, meter: Meter) -> None:
    """Make an observable instrument of each family; it tells what there is whenever the meter's reader collects.

    A histogram becomes two counters, of how many values and of their sum: OpenTelemetry observes no histograms.

    Raises
    ------
    ConfigError
        If the package opentelemetry-api is not installed.
    """
    try:
        import opentelemetry.metrics  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ConfigError("OpenTelemetry is not installed; install it with: pip install 'perflab[otel]'.") from error
    for family in snapshots():
        if family.kind == "histogram":
            counted, summed = f"{family.name}.count", f"{family.name}.sum"
            _counter(meter, family, counted, "{operation}", _told(snapshots, family.name, _count))
            _counter(meter, family, summed, family.unit, _told(snapshots, family.name, _value))
        elif family.kind == "counter":
            _counter(meter, family, family.name, family.unit, _told(snapshots, family.name, _value))
        else:
            told = _told(snapshots, family.name, _value)
            meter.create_observable_gauge(family.name, [told], unit=family.unit, description=family.meaning)


def _counter(meter: Meter, family: Family, name: str, unit: str, told: Callable[..., Iterable[Observation]]) -> None:
    meter.create_observable_counter(name, [told], unit=unit, description=family.meaning)


def _told(
    snapshots: Snapshots, name: str, of: Callable[[Sample], float]
) -> Callable[[CallbackOptions], list[Observation]]:
    from opentelemetry.metrics import Observation

    def told(_: Any) -> list[Observation]:
        found = (family for family in snapshots() if family.name == name)
        return [Observation(of(sample), dict(sample.labels)) for family in found for sample in family.samples]

    return told


def _value(sample: Sample) -> float:
    return sample.value


def _count(sample: Sample) -> float:
    return sample.buckets[-1]
