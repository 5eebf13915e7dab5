"""Benchmarks as people start them: by a workload's name, or with two functions or commands of their own.

In: names, callables or commands, a config. Out: a `BenchmarkResult`: comparisons, verdicts on the targets, and the run.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from perflab.analyze import judge
from perflab.analyze.targets import Target, targets_for
from perflab.bench import Arm, Bench
from perflab.bench import run as run_benchmark
from perflab.bench.arm import Clock, Function, State
from perflab.bench.pair import Side, pair_of
from perflab.bench.progress import Paced
from perflab.bench.resume import Earlier
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.events import Events
from perflab.record import FRAMES, Recorder
from perflab.record.store import read_info, read_table
from perflab.system.result import BenchmarkResult
from perflab.system.run import Run, describe_run
from perflab.workloads.corpus import select
from perflab.workloads.staging import Scale, known_workloads
from perflab.workloads.suite import OnStep, run_workloads

__all__ = ["benchmark", "benchmark_workloads", "new_run_dir"]


LEAST_SOURCE = 1
"""Bytes to look for when it is only asked whether a source can be read: one feature is taken in any case."""

_FLUSH_S = 1.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """Where a benchmark is recorded, what it is held against, and what an interrupted one has measured."""

    folder: Path | None = None
    resume: Path | None = None
    targets: Sequence[Target] = ()

    def earlier(self) -> Earlier | None:
        return None if self.resume is None else Earlier(read_table(self.resume, "samples"))


def benchmark(
    workload: Side,
    optimized: Side | None = None,
    *,
    config: Config | None = None,
    source: str | Path | None = None,
    pairs: int | None = None,
    quick: bool = False,
    files: int | None = None,
    documents: int | None = None,
    defects: int | None = None,
    states: Sequence[str] | None = None,
    setup: Function | None = None,
    state: State = "any",
    clock: Clock = "auto",
    collects_garbage: bool = False,
    memory: bool = False,
    budget_s: float | None = None,
    timeout_s: float | None = None,
    targets: Sequence[Target] = (),
    run_dir: str | Path | None = None,
    resume: str | Path | None = None,
    on_step: OnStep = lambda *_: None,
) -> BenchmarkResult:
    """Measure a built-in workload, or something against a faster one, in interleaved pairs.

    Parameters
    ----------
    workload
        `"document-creation"`, `"cross-validation"`, `"prefetch"`, `"warm"`, `"tune"`, or the baseline: a function
        without arguments, its name as `module:function`, a `perflab.bench.Command`, a `perflab.bench.Cell` of code and
        the names that it uses, or a `perflab.bench.Arm`, which has arguments.
    optimized
        What to hold against the baseline; both must return, or print, the same.
    config
        Settings of the optimized arms and of the measurement.
    source
        Source tree of a built-in workload; by default the standard library of the running Python.
    pairs
        Interleaved pairs; by default that of the config for workloads, 48 to 96 for functions.
    quick
        Measure a built-in workload on a small part of the source in two pairs, too few for an interval.
    files, documents
        Bounds on the source files of a built-in workload, 1 or more, and on its documents, 7 or more, instead of its
        own size.
    defects
        Defects of each rule that cross-validation has to find, 0 to 1000; by default 3.
    states
        Of a built-in workload: in which of `cold`, `warm` and `incremental` the optimized arm is measured; by default
        in all.
    setup
        Called before each sample, untimed; a mapping that it returns has the arguments of both functions.
    state
        `cold` for a fresh process each sample, else both arms take turns in one process after another.
    clock
        `cpu`, `wall`, or `auto`: CPU time if both functions compute on one core, else wall time.
    collects_garbage
        Leave the garbage collector on inside the samples.
    memory
        Measure the peak memory of both arms too, in runs of their own after the timed ones.
    budget_s
        Seconds after which no more pairs are begun.
    timeout_s
        Longest time that a sample may take.
    targets
        Bounds of the user's own, judged beside the guide's.
    run_dir
        Folder in which the run is kept; by default rows stay in memory.
    resume
        Folder of an interrupted run of the same benchmark; the samples that it has are not taken again.
    on_step
        Called with what is going on, samples done and in all, and the seconds that remain.

    Raises
    ------
    BenchmarkError
        If the workload is unknown or a size out of bounds, an option is given that this kind of benchmark has not, an
        arm fails, the arms' outputs differ, or their source changes meanwhile.

    Examples
    --------
    >>> result = benchmark("page-rendering")
    Traceback (most recent call last):
    ...
    perflab.errors.BenchmarkError: 'page-rendering' is no workload; choose one of document-creation, cross-validation, \
prefetch, warm, tune, or give two functions.
    """
    config = config or Config()
    folder, before = (None if path is None else Path(path) for path in (run_dir, resume))
    kept = _Kept(folder, before, tuple(targets))
    own: dict[str, object] = {
        "setup": setup,
        "state": state if state != "any" else None,
        "clock": clock if clock != "auto" else None,
    }
    own |= {"collects_garbage": collects_garbage, "memory": memory, "budget_s": budget_s, "timeout_s": timeout_s}
    sizes: dict[str, Any] = {"quick": quick, "files": files, "documents": documents, "defects": defects}
    if isinstance(workload, str) and ":" not in workload:
        known_workloads([workload])
        _refuse_given(f"The workload {workload!r} decides itself on", {"optimized": optimized, **own})
        path = None if source is None else Path(source)
        scale = Scale.of(config, path, pairs=pairs, **sizes)
        scale = scale if states is None else replace(scale, states=tuple(states))
        return _benchmark_workloads([workload], config, scale, path, kept, on_step)
    if optimized is None:
        raise BenchmarkError("A function alone cannot be compared; give a second one, or the name of a workload.")
    _refuse_given("Two things of your own have no", {"source": source, **sizes, "states": states})
    start = {"setup": setup, "state": state, "clock": clock, "collects_garbage": collects_garbage}
    name, arms = pair_of(workload, optimized, **start)  # type: ignore[arg-type]  # options by name
    limits = {"pairs": pairs, "budget_s": budget_s, "timeout_s": timeout_s}
    return _benchmark_arms(name, arms, config, limits, memory, kept, on_step)


def _refuse_given(why: str, options: Mapping[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None and value is not False]
    if given:
        raise BenchmarkError(f"{why} {' and '.join(given)}; leave {'it' if len(given) == 1 else 'them'} out.")


def benchmark_workloads(
    names: Sequence[str],
    *,
    config: Config,
    scale: Scale,
    source: Path | None = None,
    folder: Path | None = None,
    resume: Path | None = None,
    targets: Sequence[Target] = (),
    on_step: OnStep = lambda *_: None,
) -> BenchmarkResult:
    """Measure built-in workloads into one run and judge them; see `benchmark`."""
    return _benchmark_workloads(names, config, scale, source, _Kept(folder, resume, targets), on_step)


def _benchmark_workloads(
    names: Sequence[str], config: Config, scale: Scale, source: Path | None, kept: _Kept, on_step: OnStep
) -> BenchmarkResult:
    names = known_workloads(names)
    earlier = kept.earlier()

    def measure(recorder: Recorder) -> list[Bench]:
        return run_workloads(
            names,
            config=config,
            recorder=recorder,
            source=source,
            scale=scale,
            on_step=on_step,
            earlier=earlier,
        )

    select(source, seed=config.benchmark.seed, limit_bytes=LEAST_SOURCE)  # before a run folder is made in vain
    asked = {"workloads": list(names), "source": None if source is None else str(source), "scale": asdict(scale)}
    return _recorded(measure, config, " and ".join(names), kept, names, asked)


def new_run_dir(runs_dir: Path, label: str) -> Path:
    """Return the path of a new run folder, named by time and label."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return runs_dir / f"{stamp}-{label}-{uuid.uuid4().hex[:6]}"


def _benchmark_arms(
    name: str,
    arms: Sequence[Arm],
    config: Config,
    limits: Mapping[str, Any],
    memory: bool,
    kept: _Kept,
    on_step: OnStep,
) -> BenchmarkResult:
    earlier = kept.earlier()

    def measure(recorder: Recorder) -> list[Bench]:
        # Who watches the run folder sees samples come, and what is measured outlives whatever happens next.
        flush = Paced(recorder.flush, _FLUSH_S)

        def step(done: int, total: int, label: str, remaining_s: float | None) -> None:
            flush()
            on_step(f"{name}: {label}", done, total, remaining_s)

        return [
            run_benchmark(
                name,
                arms,
                seed=config.benchmark.seed,
                recorder=recorder,
                isolated=arms[0].state == "cold" or arms[1].state == "cold",
                memory_arms=[arm.label for arm in arms] if memory else (),
                confidence=config.benchmark.confidence,
                band_ratio=config.benchmark.band_ratio,
                on_progress=step,
                extend=True,
                earlier=earlier,
                **limits,
            )
        ]

    return _recorded(measure, config, name, kept)


def _recorded(
    measure: Callable[[Recorder], list[Bench]],
    config: Config,
    label: str,
    kept: _Kept,
    workloads: Sequence[str] = (),
    asked: Mapping[str, Any] | None = None,
) -> BenchmarkResult:
    """Measure into a recorder, judge what came of it, and close the run with its true status."""
    resumed = None if kept.resume is None else str(read_info(kept.resume)["run_id"])
    facts: Mapping[str, Any] = {**describe_run(config, label), "resumed": resumed, "asked": asked}
    recorder = Recorder(kept.folder, config.record, info=facts)
    status = "failed"
    try:
        if kept.resume is not None:
            recorder.absorb({frame: read_table(kept.resume, frame) for frame in FRAMES if frame not in _MADE_ANEW})
        benches = tuple(measure(recorder))
        run = Run({**facts, "run_id": recorder.run_id, "status": "finished"}, recorder.frames)
        bounds = (*targets_for(workloads), *kept.targets)
        for verdict in judge(run.metrics(), bounds).to_dict("records"):
            recorder.add("targets", **{str(name): value for name, value in verdict.items()})
        Events(recorder.add).emit("benchmark_complete", workload=label, run_id=recorder.run_id)
        status = "finished"
    except KeyboardInterrupt:
        status = "cancelled"
        raise
    except BaseException as error:
        recorder.note(error=f"{type(error).__name__}: {error}")
        raise
    finally:
        recorder.close(status)
    return BenchmarkResult(benches, run, kept.folder)


_MADE_ANEW = ("samples", "targets")
"""Frames of a resumed run that are not taken over whole: its samples are chosen, its verdicts judged again."""
