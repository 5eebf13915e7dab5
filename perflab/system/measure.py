"""Benchmarks as people start them: by a workload's name, or with two functions of their own.

In: names or callables, a config. Out: a `BenchmarkResult`: comparisons, verdicts on the targets, and the run.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.analyze import exit_code, judge
from perflab.analyze.targets import targets_for
from perflab.bench import Arm, Bench
from perflab.bench import run as run_benchmark
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.events import Events
from perflab.record import Recorder
from perflab.system.run import Run, describe_run
from perflab.workloads.corpus import select
from perflab.workloads.suite import WORKLOADS, OnStep, Scale, run_workloads

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BenchmarkResult", "benchmark", "benchmark_workloads", "new_run_dir"]


LEAST_SOURCE = 1
"""Bytes to look for when it is only asked whether a source can be read: one feature is taken in any case."""


@dataclass(frozen=True)
class BenchmarkResult:
    """A finished benchmark.

    Attributes
    ----------
    benches : tuple of Bench
        One a workload, with every sample.
    run : Run
        Frames, metrics, targets and report.
    folder : pathlib.Path or None
        Where the run is kept.
    """

    benches: tuple[Bench, ...]
    run: Run
    folder: Path | None = None

    def frame(self) -> pd.DataFrame:
        """Return a row an arm: workload, arm, state, ratio to the baseline, its interval, noise floor and verdict."""
        import pandas as pd

        return pd.concat([bench.frame() for bench in self.benches], ignore_index=True)

    @property
    def exit_code(self) -> int:
        """0 if every target passes, 1 if one fails or is unavailable, 3 if one is unclear."""
        return exit_code(self.run.targets()["verdict"])

    def __repr__(self) -> str:
        return f"<BenchmarkResult\n{self.frame().to_string(index=False)}>"

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(index=False, float_format="{:.3g}".format, escape=True))


def benchmark(
    workload: str | Callable[[], Any],
    optimized: Callable[[], Any] | None = None,
    *,
    config: Config | None = None,
    source: str | Path | None = None,
    pairs: int | None = None,
    quick: bool = False,
    run_dir: str | Path | None = None,
    on_step: OnStep = lambda *_: None,
) -> BenchmarkResult:
    """Measure a built-in workload, or a function against a faster one, in interleaved pairs.

    Parameters
    ----------
    workload
        `"document-creation"`, `"cross-validation"`, or the baseline: a function without arguments.
    optimized
        The function to hold against the baseline; both must return the same.
    config
        Settings of the optimized arms and of the measurement.
    source
        Source tree of a built-in workload; by default the standard library of the running Python.
    pairs
        Interleaved pairs; by default that of the config for workloads, 48 to 96 for functions.
    quick
        Measure a built-in workload on a small part of the source in two pairs, too few for an interval.
    run_dir
        Folder in which the run is kept; by default rows stay in memory.
    on_step
        Called with what is going on, samples done and in all, and the seconds that remain.

    Raises
    ------
    BenchmarkError
        If the workload is unknown, an arm fails, or the arms' outputs differ.

    Examples
    --------
    >>> result = benchmark("page-rendering")
    Traceback (most recent call last):
    ...
    perflab.errors.BenchmarkError: 'page-rendering' is no workload; choose document-creation or cross-validation, or \
give two functions.
    """
    config = config or Config()
    folder = None if run_dir is None else Path(run_dir)
    if isinstance(workload, str):
        path = None if source is None else Path(source)
        scale = Scale.of(config, path, pairs=pairs, quick=quick)
        return benchmark_workloads([workload], config=config, source=path, scale=scale, folder=folder, on_step=on_step)
    if optimized is None:
        raise BenchmarkError("A function alone cannot be compared; give a second one, or the name of a workload.")
    return _benchmark_functions(workload, optimized, config, pairs, folder, on_step)


def benchmark_workloads(
    names: Sequence[str],
    *,
    config: Config,
    scale: Scale,
    source: Path | None = None,
    folder: Path | None = None,
    on_step: OnStep = lambda *_: None,
) -> BenchmarkResult:
    """Measure built-in workloads into one run and judge them; see `benchmark`."""
    for name in names:
        if name not in WORKLOADS:
            known = " or ".join(WORKLOADS)
            raise BenchmarkError(f"{name!r} is no workload; choose {known}, or give two functions.")

    def measure(recorder: Recorder) -> list[Bench]:
        return run_workloads(
            tuple(names), config=config, recorder=recorder, source=source, scale=scale, on_step=on_step
        )

    select(source, seed=config.benchmark.seed, limit_bytes=LEAST_SOURCE)  # before a run folder is made in vain
    return _recorded(measure, config, " and ".join(names), folder, names)


def new_run_dir(runs_dir: Path, label: str) -> Path:
    """Return the path of a new run folder, named by time and label."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    return runs_dir / f"{stamp}-{label}-{uuid.uuid4().hex[:6]}"


def _benchmark_functions(
    baseline: Callable[[], Any],
    optimized: Callable[[], Any],
    config: Config,
    pairs: int | None,
    folder: Path | None,
    on_step: OnStep,
) -> BenchmarkResult:
    name = getattr(optimized, "__name__", "functions")
    arms = (Arm("baseline", baseline, clock="cpu"), Arm("optimized", optimized, clock="cpu"))

    def step(done: int, total: int, label: str, remaining_s: float | None) -> None:
        on_step(f"{name}: {label}", done, total, remaining_s)

    def measure(recorder: Recorder) -> list[Bench]:
        return [
            run_benchmark(
                name,
                arms,
                pairs=pairs,
                seed=config.benchmark.seed,
                recorder=recorder,
                isolated=False,
                confidence=config.benchmark.confidence,
                band_ratio=config.benchmark.band_ratio,
                on_progress=step,
            )
        ]

    return _recorded(measure, config, name, folder)


def _recorded(
    measure: Callable[[Recorder], list[Bench]],
    config: Config,
    label: str,
    folder: Path | None,
    workloads: Sequence[str] = (),
) -> BenchmarkResult:
    """Measure into a recorder, judge what came of it, and close the run with its true status."""
    facts: Mapping[str, Any] = describe_run(config, label)
    recorder = Recorder(folder, config.record, info=facts)
    status = "failed"
    try:
        benches = tuple(measure(recorder))
        run = Run({**facts, "run_id": recorder.run_id, "status": "finished"}, recorder.frames)
        for verdict in judge(run.metrics(), targets_for(workloads)).to_dict("records"):
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
    return BenchmarkResult(benches, run, folder)
