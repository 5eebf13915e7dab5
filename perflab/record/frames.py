"""The one table of what is recorded: frame, column, dtype, unit, meaning.

In: nothing. Out: `SCHEMA`, from which the typed columns, the documentation and the Parquet metadata are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ACCESS_EVENTS", "FRAMES", "SCHEMA", "Column", "columns"]

Dtype = Literal["category", "string", "int", "float", "bool", "time"]

ACCESS_EVENTS = (
    "hit",
    "miss",
    "set",
    "evict",
    "expire",
    "promote",
    "demote",
    "reject",
    "prefetch",
    "warm",
    "load",
    "invalidate",
    "write_back",
    "quarantine",
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one frame. Every column but `run_id` and `t` may hold missing values."""

    frame: str
    name: str
    dtype: Dtype
    unit: str
    meaning: str

    @property
    def is_json(self) -> bool:
        """Whether its texts are JSON, which is nothing any more once it is cut."""
        return self.meaning.startswith("JSON ")


def _frame(frame: str, *rows: tuple[str, Dtype, str, str]) -> tuple[Column, ...]:
    common: tuple[tuple[str, Dtype, str, str], ...] = (
        ("run_id", "category", "", "the run that recorded the row"),
        ("t", "time", "UTC", "when it happened, for an interval when it ended; missing if the clock was not read"),
    )
    return tuple(Column(frame, *row) for row in common + rows)


SCHEMA: tuple[Column, ...] = (
    *_frame(
        "operations",
        ("operation_id", "int", "", "number of the operation within its process"),
        ("parent_id", "int", "", "operation_id of the enclosing operation"),
        ("name", "category", "", "what the program did, such as document-validation"),
        ("key", "string", "", "what it was done to"),
        ("duration_s", "float", "s", "wall time from start to end"),
        ("nbytes", "int", "bytes", "bytes that the operation says it handled"),
        ("ok", "bool", "", "false if it raised"),
        ("error", "string", "", "exception type and message, if it raised"),
        ("cache_hit", "bool", "", "what the caller said of it"),
        ("related_keys", "string", "", "JSON list of keys that the caller expects to be wanted next"),
        ("stream", "category", "", "thread or worker that it ran in"),
    ),
    *_frame(
        "accesses",
        ("key", "category", "", "the key as text"),
        ("event", "category", "", "one of ACCESS_EVENTS; only hit and miss are accesses"),
        ("tier", "category", "", "l1, l2 or l3; missing for a miss of all tiers"),
        ("nbytes", "int", "bytes", "size of the value by the tier's weight"),
        (
            "duration_s",
            "float",
            "s",
            "time that the caller waited, of hits in l1 a sample is timed; of prefetch and warm, time that none waits",
        ),
        ("operation", "category", "", "name of the operation that it happened in"),
        ("operation_id", "int", "", "the operation that it happened in"),
        ("stream", "category", "", "thread or worker that it happened in"),
        ("reason", "category", "", "why, such as capacity, ttl, oversize, checksum, cleared, code changed"),
        ("t_estimated", "bool", "", "true if t lies evenly between two clock reads (record.timestamps = chunk)"),
    ),
    *_frame(
        "chunks",
        ("path", "string", "", "the file"),
        ("start", "int", "bytes", "first byte of the extent"),
        ("stop", "int", "bytes", "first byte after the extent"),
        ("start_line", "int", "", "line of the first byte, from 1"),
        ("end_line", "int", "", "line of the last byte"),
        ("kind", "category", "", "class, function, heading, statements, text, ..."),
        ("name", "string", "", "qualified name of the definition"),
        ("digest", "string", "", "hash of the chunk's bytes"),
        ("operation", "category", "", "what was computed from it"),
        ("status", "category", "", "processed, reused or failed"),
        ("duration_s", "float", "s", "time to compute; missing if reused"),
        ("error", "string", "", "exception type and message, if it failed"),
        ("stream", "category", "", "thread or worker that computed it"),
    ),
    *_frame(
        "resources",
        ("rss_bytes", "int", "bytes", "resident memory of this process"),
        ("baseline_bytes", "int", "bytes", "resident memory when the system started"),
        (
            "growth_bytes",
            "int",
            "bytes",
            "resident memory above the baseline, with what children do not share",
        ),
        ("children_rss_bytes", "int", "bytes", "resident memory of child processes"),
        ("limit_bytes", "int", "bytes", "smallest of RAM, cgroup and rlimit bounds"),
        ("memory_ratio", "float", "ratio", "how full the fullest bound on memory is"),
        ("memory_bound", "category", "", "that bound: growth, ram, cgroup:<folder>, RLIMIT_AS or RLIMIT_DATA"),
        ("available_bytes", "int", "bytes", "memory that the host could still give"),
        ("cpu_ratio", "float", "ratio", "busy share of all cores since the sample before"),
        ("process_cpu_ratio", "float", "ratio", "this process's and its children's share of all cores"),
        ("load_1m", "float", "", "run queue length, mean of a minute"),
        ("cpu_pressure_ratio", "float", "ratio", "share of time some task waited for a CPU (PSI)"),
        ("memory_pressure_ratio", "float", "ratio", "share of time some task waited for memory (PSI)"),
        ("io_pressure_ratio", "float", "ratio", "share of time some task waited for I/O (PSI)"),
        ("threads", "int", "", "threads of this process"),
        ("open_files", "int", "", "open file descriptors of this process"),
        ("disk_read_bytes", "int", "bytes", "read from storage since the sample before, children included"),
        ("disk_written_bytes", "int", "bytes", "written to storage since the sample before, children included"),
        ("net_received_bytes", "int", "bytes", "taken in by all interfaces since the sample before, loopback aside"),
        ("net_sent_bytes", "int", "bytes", "sent by all interfaces since the sample before, loopback aside"),
        ("gc_collections", "int", "", "garbage collections of this process since the sample before"),
        ("gc_pause_s", "float", "s", "time that they took"),
        ("cost_s", "float", "s", "CPU time that taking this sample cost"),
    ),
    *_frame(
        "events",
        (
            "name",
            "category",
            "",
            "memory_warning, cpu_warning, optimization_complete, file_optimized, alert, run_folder_lost, ...",
        ),
        ("payload", "string", "", "JSON object with the event's data"),
    ),
    *_frame(
        "optimizations",
        ("trigger", "category", "", "manual, startup, scheduled, memory_pressure, cache_miss, ...; or watch"),
        ("phase", "category", "", "the part of the plan that it belongs to"),
        ("knob", "category", "", "the setting, by its path in the config"),
        ("old", "string", "", "JSON value before"),
        ("new", "string", "", "JSON value tried"),
        ("metric", "category", "", "what predicted and measured are of"),
        ("unit", "category", "", "unit of predicted, measured, low, high and noise_floor"),
        ("before", "float", "", "the metric before, measured"),
        ("predicted", "float", "", "the metric expected with the new value"),
        ("predicted_low", "float", "", "lower bound of the expected value, 95 %"),
        ("predicted_high", "float", "", "upper bound of the expected value, 95 %"),
        ("prediction", "string", "", "how it was expected: simulated, estimated or unavailable, and by what or why"),
        ("measured", "float", "", "the metric measured with the new value"),
        ("low", "float", "", "lower bound of the measured value, 95 %"),
        ("high", "float", "", "upper bound of the measured value, 95 %"),
        ("noise_floor", "float", "", "spread of the metric with nothing changed"),
        ("verdict", "category", "", "of a proof: confirmed, indistinguishable, refuted, expired; else kept, ..."),
        ("reason", "string", "", "one sentence"),
    ),
    *_frame(
        "samples",
        ("workload", "category", "", "document-creation, cross-validation or the name of a callable pair"),
        ("state", "category", "", "cold, warm, incremental or any"),
        ("arm", "category", "", "baseline, optimized, or optimized on one worker"),
        ("pair", "int", "", "number of the interleaved block, from 0; -1 for a discarded warm-up"),
        ("position", "int", "", "place of the sample within its block"),
        ("purpose", "category", "", "time or memory; the two are never measured together"),
        ("clock", "category", "", "wall or cpu: the time that the arm is judged on"),
        ("wall_s", "float", "s", "wall time of one execution"),
        ("cpu_s", "float", "s", "CPU time of one execution, children included"),
        ("waited_s", "float", "s", "time of one execution in which the process was ready and had no core"),
        ("inner_loops", "int", "", "executions that the timing was divided by"),
        ("peak_bytes", "int", "bytes", "peak resident memory, sum over processes of each one's own peak"),
        ("growth_bytes", "int", "bytes", "that peak above resident memory at the start of the work"),
        ("output_digest", "string", "", "hash of everything that the arm produced"),
        ("source_digest", "string", "", "hash of the arm's own source"),
        ("work", "string", "", "JSON object of counted work, such as chunks computed and reused"),
        ("arm_run_id", "string", "", "run_id of the rows that the arm recorded"),
        ("hash_seed", "int", "", "PYTHONHASHSEED of the process"),
        ("workers", "int", "", "worker processes that the arm was allowed"),
        ("involuntary_switches", "int", "", "context switches forced on the process"),
        ("load_1m", "float", "", "run queue length when the sample started"),
        ("cpu_pressure_ratio", "float", "ratio", "PSI share over the sample"),
        ("io_pressure_ratio", "float", "ratio", "PSI share over the sample"),
        ("steal_ratio", "float", "ratio", "share of CPU time that the hypervisor took"),
        ("others_cpu_ratio", "float", "ratio", "share of all cores that other programs used"),
        ("outlier", "bool", "", "outside Tukey's fences of its arm; flagged, never dropped"),
        ("error", "string", "", "exception type and message, if the arm raised"),
    ),
    *_frame(
        "targets",
        ("name", "string", "", "the metric that is judged"),
        ("expression", "string", "", "the bound, one line"),
        ("unit", "category", "", "unit of actual, low and high"),
        ("actual", "float", "", "the measured value"),
        ("low", "float", "", "lower bound of the measured value, 95 %"),
        ("high", "float", "", "upper bound of the measured value, 95 %"),
        ("verdict", "category", "", "pass, fail, unclear or unavailable"),
        ("how", "string", "", "measured, estimated or unavailable, and by what method or why"),
        ("source", "string", "", "where the bound comes from"),
    ),
)

FRAMES: tuple[str, ...] = tuple(dict.fromkeys(column.frame for column in SCHEMA))


def columns(frame: str) -> tuple[Column, ...]:
    """Return the columns of one frame, in order.

    Examples
    --------
    >>> [column.name for column in columns("events")]
    ['run_id', 't', 'name', 'payload']
    """
    return tuple(column for column in SCHEMA if column.frame == frame)
