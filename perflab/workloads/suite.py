"""The built-in workloads as benchmarks: sources and documents made ready, arms laid out, outputs compared.

In: a source tree, a config, a recorder. Out: rows of `samples` and of what the optimized arms recorded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from perflab.bench import Arm, Bench, Outcome
from perflab.bench import run as run_benchmark
from perflab.bench.arm import State
from perflab.bench.progress import OnProgress
from perflab.bench.resume import Earlier
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.record import FRAMES, Recorder
from perflab.record.store import read_info, read_table
from perflab.workloads.reads import READ_WORKLOADS
from perflab.workloads.staging import WORKLOADS, Scale, Stage, corpus_of, filled_store, naive_outcome, staged

__all__ = ["OnStep", "run_workloads"]

OnStep = Callable[[str, int, int, float | None], None]
"""Called with what is going on, samples done, samples in all, and the seconds that remain, None if unknown."""

_ARMS = "perflab.workloads.arms"
_LIBRARIES = (
    "diskcache",
    "jinja2",
    "perflab.parallel.processes",
    "numpy",
    "perflab.cache.build",
    "perflab.workloads.crossvalidate",
    "perflab.workloads.documents",
    "psutil",
    "pyarrow.parquet",
    "tree_sitter_python",
    "xxhash",
)
"""What either arm imports, and a notebook that has shown one frame holds for the most part."""


def run_workloads(
    names: tuple[str, ...],
    *,
    config: Config,
    recorder: Recorder,
    source: Path | None = None,
    scale: Scale,
    on_step: OnStep = lambda *_: None,
    earlier: Earlier | None = None,
) -> list[Bench]:
    """Measure workloads, naive against optimized, cold, warm and after an edit.

    Parameters
    ----------
    names
        Of `WORKLOADS` and `READ_WORKLOADS`.
    source
        Source tree; by default the standard library of the running Python. It is copied and never written to.
    earlier
        Samples of an interrupted run, which are not measured again.

    Raises
    ------
    SourceError
        If the source is missing or holds nothing to read.
    BenchmarkError
        If an arm fails, or arms disagree on their output.
    """
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        sources: dict[str, Mapping[str, object]] = {}
        benches = []
        for name in names:
            on_step(f"{name}: making ready", 0, 0, None)
            if name in READ_WORKLOADS:
                benches += _read(name, Path(folder), config, recorder, scale, on_step, earlier)
                continue
            corpus = corpus_of(WORKLOADS[name], source, scale, config, Path(folder) / f"{name}-source")
            sources[name] = {"name": corpus.name, "files": len(corpus.files), "nbytes": corpus.nbytes}
            recorder.note(sources=sources)
            stage = staged(WORKLOADS[name], corpus, Path(folder) / name, config, defects=scale.defects)
            benches.append(_measure(name, stage, config, recorder, scale, on_step, earlier))
        return benches


def _read(
    name: str,
    scratch: Path,
    config: Config,
    recorder: Recorder,
    scale: Scale,
    on_step: OnStep,
    earlier: Earlier | None,
) -> list[Bench]:
    """Measure programs that read through a cache, plain against helped."""
    return [
        run_benchmark(
            reads.name,
            reads.arms(scratch),
            pairs=scale.pairs,
            seed=config.benchmark.seed,
            recorder=recorder,
            warmup_blocks=0,
            confidence=config.benchmark.confidence,
            band_ratio=config.benchmark.band_ratio,
            on_progress=_told(reads.name, recorder, on_step),
            adopt=lambda folder: _adopt(folder, recorder),
            earlier=earlier,
        )
        for reads in READ_WORKLOADS[name]
    ]


def _told(name: str, recorder: Recorder, on_step: OnStep) -> OnProgress:
    def step(done: int, total: int, label: str, remaining_s: float | None) -> None:
        recorder.flush()  # what is measured outlives whatever happens next
        on_step(f"{name}: {label}", done, total, remaining_s)

    return step


def _measure(
    name: str,
    stage: Stage,
    config: Config,
    recorder: Recorder,
    scale: Scale,
    on_step: OnStep,
    earlier: Earlier | None,
) -> Bench:
    work = WORKLOADS[name].work
    store = filled_store(stage, work)
    naive = naive_outcome(stage, work)
    arms = tuple(arm for arm in _arms(stage, work, store, config) if arm.state in ("any", *scale.states))
    settings = config.benchmark
    bench = run_benchmark(
        name,
        arms,
        pairs=scale.pairs,
        seed=settings.seed,
        recorder=recorder,
        warmup_blocks=scale.warmup_blocks,
        memory_blocks=scale.memory_pairs,
        memory_arms=("baseline", "optimized (cold)") if "cold" in scale.states else (),
        confidence=settings.confidence,
        band_ratio=settings.band_ratio,
        on_progress=_told(name, recorder, on_step),
        adopt=lambda folder: _adopt(folder, recorder),
        earlier=earlier,
    )
    _compare_edited(name, naive, bench)
    return bench


def _arms(stage: Stage, work: str, store: str, config: Config) -> Iterator[Arm]:
    """Yield the baseline, and the optimized arm cold, cold on one worker, warm, and after an edit."""
    setup = f"{_ARMS}:fresh_folders"
    cold = {**stage.original, "settings": stage.settings, "scratch": stage.folder("cold")}
    serial = {**cold, "settings": {**stage.settings, "parallel_processing_enabled": False}}
    warm = {**cold, "store": store}

    def optimized(state: State, arguments: Mapping[str, Any], workers: int = config.workers) -> Arm:
        inputs = "edited" if state == "incremental" else "original"
        target = f"{_ARMS}:optimized_{work}"
        return Arm(
            "optimized",
            target,
            arguments,
            setup=setup,
            state=state,
            workers=workers,
            inputs=inputs,
            libraries=_LIBRARIES,
            in_memory_runs={"run": None},
        )

    naive = {**stage.original, "scratch": stage.folder("baseline")}
    yield Arm("baseline", f"{_ARMS}:naive_{work}", naive, setup=setup, inputs="original", libraries=_LIBRARIES)
    yield optimized("cold", cold)
    if config.workers > 1:
        yield optimized("cold", serial, workers=1)
    yield optimized("warm", warm)
    yield optimized("incremental", {**warm, **stage.edited})


def _compare_edited(name: str, naive: Outcome, bench: Bench) -> None:
    found = {row["output_digest"] for row in bench.rows if row["state"] == "incremental"}
    if found - {naive.digest}:
        raise BenchmarkError(
            f"The arm 'optimized (incremental)' of {name!r} gives another output ({min(found)}) than the naive one "
            f"({naive.digest}) for the edited source; the benchmark does not count."
        )


def _adopt(folder: str, recorder: Recorder) -> str:
    """Take home the rows that an arm recorded and return its run's identifier."""
    path = Path(folder)
    recorder.absorb({frame: read_table(path, frame) for frame in FRAMES})
    return str(read_info(path)["run_id"])
