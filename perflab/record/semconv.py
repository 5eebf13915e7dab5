"""What telemetry systems call the things that perflab records.

In: nothing. Out: a table from columns and metrics to names and units in the style of OpenTelemetry's conventions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METRICS", "NAMES", "SemanticName", "semantic_names"]

Kind = Literal["histogram", "gauge", "counter", "updowncounter", "attribute"]

METRICS = "metrics"
"""Stands in the place of a frame for what `perflab.analyze.metrics` computes; `*` stands for the name of a workload."""


@dataclass(frozen=True, slots=True)
class SemanticName:
    """What one column, or one metric, is called elsewhere.

    Attributes
    ----------
    name : str
        An official name where there is one of that meaning; all others are in the namespace `perflab`.
    unit : str
        In UCUM: `s`, `By`, `1`, or a count such as `{access}`; empty for an attribute, and where it differs by row.
    kind : str
        Instrument of the metric, or `attribute` for what describes one.
    note : str
        Where the official meaning differs, or an attribute belongs to it.
    """

    frame: str
    column: str
    name: str
    unit: str
    kind: Kind
    note: str = ""

    @property
    def convention(self) -> str:
        """`OpenTelemetry` or `perflab`."""
        return "perflab" if self.name.startswith("perflab.") else "OpenTelemetry"


_BY_ROW = "in the unit that the row's `unit` says"
_PSI = "pressure stall information; share of time in which some task waited"
_CPU = "of all cores together; with cpu.mode "

NAMES: tuple[SemanticName, ...] = (
    SemanticName("operations", "operation_id", "perflab.operation.id", "", "attribute"),
    SemanticName("operations", "parent_id", "perflab.operation.parent.id", "", "attribute"),
    SemanticName("operations", "name", "perflab.operation.name", "", "attribute"),
    SemanticName("operations", "key", "perflab.operation.key", "", "attribute"),
    SemanticName("operations", "duration_s", "perflab.operation.duration", "s", "histogram"),
    SemanticName("operations", "nbytes", "perflab.operation.size", "By", "histogram"),
    SemanticName("operations", "error", "exception.message", "", "attribute", "with the exception's type before it"),
    SemanticName("operations", "stream", "thread.name", "", "attribute", "or the name of a worker process"),
    SemanticName("accesses", "key", "perflab.cache.key", "", "attribute"),
    SemanticName("accesses", "event", "perflab.cache.event", "", "attribute"),
    SemanticName("accesses", "tier", "perflab.cache.tier", "", "attribute"),
    SemanticName("accesses", "nbytes", "perflab.cache.entry.size", "By", "histogram"),
    SemanticName("accesses", "duration_s", "perflab.cache.access.duration", "s", "histogram"),
    SemanticName("accesses", "operation", "perflab.operation.name", "", "attribute"),
    SemanticName("accesses", "operation_id", "perflab.operation.id", "", "attribute"),
    SemanticName("accesses", "stream", "thread.name", "", "attribute", "or the name of a worker process"),
    SemanticName("accesses", "reason", "perflab.cache.reason", "", "attribute"),
    SemanticName("chunks", "path", "file.path", "", "attribute", "as it was given, not always absolute"),
    SemanticName("chunks", "start", "perflab.chunk.start", "By", "attribute"),
    SemanticName("chunks", "stop", "perflab.chunk.stop", "By", "attribute"),
    SemanticName("chunks", "start_line", "code.line.number", "", "attribute", "the first line of the chunk"),
    SemanticName("chunks", "end_line", "perflab.chunk.end_line", "", "attribute"),
    SemanticName("chunks", "kind", "perflab.chunk.kind", "", "attribute"),
    SemanticName("chunks", "status", "perflab.chunk.status", "", "attribute"),
    SemanticName("chunks", "duration_s", "perflab.chunk.duration", "s", "histogram"),
    SemanticName("chunks", "stream", "thread.name", "", "attribute", "or the name of a worker process"),
    SemanticName("resources", "rss_bytes", "process.memory.usage", "By", "updowncounter"),
    SemanticName("resources", "baseline_bytes", "perflab.process.memory.baseline", "By", "gauge"),
    SemanticName("resources", "growth_bytes", "perflab.process.memory.growth", "By", "gauge"),
    SemanticName("resources", "children_rss_bytes", "perflab.process.children.memory.usage", "By", "gauge"),
    SemanticName("resources", "limit_bytes", "perflab.process.memory.limit", "By", "gauge"),
    SemanticName("resources", "available_bytes", "system.memory.linux.available", "By", "updowncounter"),
    SemanticName("resources", "memory_ratio", "perflab.process.memory.fullness", "1", "gauge", "of the fullest bound"),
    SemanticName("resources", "memory_bound", "perflab.process.memory.bound", "", "attribute"),
    SemanticName("resources", "disk_read_bytes", "perflab.process.disk.read", "By", "counter", "since the last sample"),
    SemanticName(
        "resources", "disk_written_bytes", "perflab.process.disk.written", "By", "counter", "since the last sample"
    ),
    SemanticName(
        "resources", "net_received_bytes", "perflab.host.network.received", "By", "counter", "since the last sample"
    ),
    SemanticName("resources", "net_sent_bytes", "perflab.host.network.sent", "By", "counter", "since the last sample"),
    SemanticName("resources", "gc_collections", "perflab.process.gc.collections", "{collection}", "counter"),
    SemanticName("resources", "gc_pause_s", "perflab.process.gc.pause", "s", "counter", "since the last sample"),
    SemanticName("resources", "cpu_ratio", "system.cpu.utilization", "1", "gauge", f"{_CPU}any but idle"),
    SemanticName(
        "resources", "process_cpu_ratio", "perflab.process.cpu.utilization", "1", "gauge", "children are counted too"
    ),
    SemanticName("resources", "load_1m", "perflab.host.load_1m", "{task}", "gauge"),
    SemanticName("resources", "cpu_pressure_ratio", "perflab.host.cpu.pressure", "1", "gauge", _PSI),
    SemanticName("resources", "memory_pressure_ratio", "perflab.host.memory.pressure", "1", "gauge", _PSI),
    SemanticName("resources", "io_pressure_ratio", "perflab.host.io.pressure", "1", "gauge", _PSI),
    SemanticName("resources", "threads", "process.thread.count", "{thread}", "updowncounter"),
    SemanticName("resources", "open_files", "process.unix.file_descriptor.count", "{file_descriptor}", "updowncounter"),
    SemanticName("resources", "cost_s", "perflab.monitor.cpu.time", "s", "histogram"),
    SemanticName("events", "name", "perflab.event.name", "", "attribute"),
    SemanticName("optimizations", "before", "perflab.optimization.before", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "predicted", "perflab.optimization.predicted", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "predicted_low", "perflab.optimization.predicted.low", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "predicted_high", "perflab.optimization.predicted.high", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "measured", "perflab.optimization.measured", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "low", "perflab.optimization.measured.low", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "high", "perflab.optimization.measured.high", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "noise_floor", "perflab.optimization.noise_floor", "", "gauge", _BY_ROW),
    SemanticName("optimizations", "knob", "perflab.optimization.knob", "", "attribute"),
    SemanticName("optimizations", "trigger", "perflab.optimization.trigger", "", "attribute"),
    SemanticName("optimizations", "verdict", "perflab.optimization.verdict", "", "attribute"),
    SemanticName("samples", "workload", "perflab.workload.name", "", "attribute"),
    SemanticName("samples", "state", "perflab.workload.state", "", "attribute"),
    SemanticName("samples", "arm", "perflab.workload.arm", "", "attribute"),
    SemanticName("samples", "pair", "perflab.sample.pair", "", "attribute"),
    SemanticName("samples", "position", "perflab.sample.position", "", "attribute"),
    SemanticName("samples", "wall_s", "perflab.sample.duration", "s", "histogram"),
    SemanticName("samples", "cpu_s", "perflab.sample.cpu.time", "s", "histogram"),
    SemanticName("samples", "waited_s", "perflab.sample.waited.time", "s", "histogram"),
    SemanticName("samples", "inner_loops", "perflab.sample.inner_loops", "{loop}", "gauge"),
    SemanticName("samples", "peak_bytes", "perflab.sample.memory.peak", "By", "gauge"),
    SemanticName("samples", "growth_bytes", "perflab.sample.memory.growth", "By", "gauge"),
    SemanticName("samples", "hash_seed", "perflab.sample.hash_seed", "", "attribute"),
    SemanticName("samples", "workers", "perflab.sample.workers", "{worker}", "gauge"),
    SemanticName(
        "samples",
        "involuntary_switches",
        "process.context_switches",
        "{context_switch}",
        "counter",
        "with process.context_switch.type involuntary; of one sample",
    ),
    SemanticName("samples", "load_1m", "perflab.host.load_1m", "{task}", "gauge"),
    SemanticName("samples", "cpu_pressure_ratio", "perflab.host.cpu.pressure", "1", "gauge", _PSI),
    SemanticName("samples", "io_pressure_ratio", "perflab.host.io.pressure", "1", "gauge", _PSI),
    SemanticName("samples", "steal_ratio", "system.cpu.utilization", "1", "gauge", f"{_CPU}steal"),
    SemanticName("samples", "others_cpu_ratio", "perflab.host.others.cpu.utilization", "1", "gauge"),
    SemanticName("targets", "name", "perflab.target.name", "", "attribute"),
    SemanticName("targets", "verdict", "perflab.target.verdict", "", "attribute"),
    SemanticName("targets", "actual", "perflab.target.actual", "", "gauge", _BY_ROW),
    SemanticName("targets", "low", "perflab.target.actual.low", "", "gauge", _BY_ROW),
    SemanticName("targets", "high", "perflab.target.actual.high", "", "gauge", _BY_ROW),
    SemanticName(METRICS, "cache.hit_rate", "perflab.cache.hit_ratio", "1", "gauge"),
    SemanticName(METRICS, "cache.miss_rate", "perflab.cache.miss_ratio", "1", "gauge"),
    SemanticName(METRICS, "cache.eviction_rate", "perflab.cache.eviction_ratio", "1", "gauge", "evictions an access"),
    SemanticName(METRICS, "cache.access_time_mean", "perflab.cache.access.duration.mean", "s", "gauge"),
    SemanticName(METRICS, "cache.access_time_p95", "perflab.cache.access.duration.p95", "s", "gauge"),
    SemanticName(METRICS, "cache.memory", "perflab.cache.memory.usage", "By", "gauge", "the tiers in memory"),
    SemanticName(METRICS, "memory.current", "perflab.process.memory.growth", "By", "gauge", "the last sample"),
    SemanticName(METRICS, "memory.peak", "perflab.process.memory.growth.peak", "By", "gauge"),
    SemanticName(METRICS, "memory.average", "perflab.process.memory.growth.mean", "By", "gauge"),
    SemanticName(METRICS, "memory.peak_naive", "perflab.workload.memory.peak", "By", "gauge", "of the baseline"),
    SemanticName(
        METRICS, "memory.peak_optimized", "perflab.workload.memory.peak", "By", "gauge", "of the optimized arm"
    ),
    SemanticName(METRICS, "memory.reduction", "perflab.workload.memory.reduction", "1", "gauge"),
    SemanticName(
        METRICS, "cpu.current", "system.cpu.utilization", "1", "gauge", f"{_CPU}any but idle; the last sample"
    ),
    SemanticName(METRICS, "cpu.peak", "perflab.host.cpu.utilization.peak", "1", "gauge"),
    SemanticName(METRICS, "cpu.average", "perflab.host.cpu.utilization.mean", "1", "gauge"),
    SemanticName(METRICS, "concurrency.operations", "perflab.operation.concurrency", "{operation}", "gauge"),
    SemanticName(METRICS, "concurrency.errors", "perflab.operation.errors", "{error}", "counter"),
    SemanticName(METRICS, "*.time", "perflab.workload.duration", "s", "gauge", "of the optimized arm"),
    SemanticName(METRICS, "*.time_naive", "perflab.workload.duration", "s", "gauge", "of the baseline"),
    SemanticName(METRICS, "*.time_reduction", "perflab.workload.duration.reduction", "1", "gauge"),
    SemanticName(METRICS, "*.memory_reduction", "perflab.workload.memory.reduction", "1", "gauge"),
    SemanticName(METRICS, "*.cache_hit_rate", "perflab.workload.cache.hit_ratio", "1", "gauge"),
    SemanticName(METRICS, "*.parallel_efficiency", "perflab.workload.parallel_efficiency", "1", "gauge"),
)


def semantic_names() -> pd.DataFrame:
    """Return the table: frame, column, name, unit, kind, convention, note.

    OpenTelemetry has no convention for in-process caches, benchmarks or optimizations, so most names are perflab's own,
    in the style of the official ones. Source of the official ones: OpenTelemetry semantic conventions, `process`,
    `system`, `thread`, `code`, `file` and `exception`.

    Examples
    --------
    >>> names = semantic_names().set_index(["frame", "column"])
    >>> names.loc[("resources", "rss_bytes"), ["name", "unit", "convention"]].tolist()
    ['process.memory.usage', 'By', 'OpenTelemetry']
    """
    import pandas as pd

    fields = ["frame", "column", "name", "unit", "kind", "convention", "note"]
    return pd.DataFrame([[getattr(known, field) for field in fields] for known in NAMES], columns=fields)
