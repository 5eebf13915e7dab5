"""The built-in workloads as benchmarks: sources and documents made ready, arms laid out, outputs compared.

In: a source tree, a config, a recorder. Out: rows of `samples` and of what the optimized arms recorded.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perflab.bench import Arm, Bench, Outcome
from perflab.bench import run as run_benchmark
from perflab.bench.arm import State
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.record import FRAMES, Recorder
from perflab.record.store import read_info, read_table
from perflab.workloads import arms as targets
from perflab.workloads.corpus import DEFAULT_LIMIT_BYTES, QUICK_LIMIT_BYTES, Corpus, copy_corpus, select
from perflab.workloads.edit import edit_one_function

__all__ = ["WORKLOADS", "OnStep", "Scale", "run_workloads"]

OnStep = Callable[[str, int, int, float | None], None]
"""Called with what is going on, samples done, samples in all, and the seconds that remain, None if unknown."""

_ARMS = "perflab.workloads.arms"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes
    ----------
    limit_bytes : int or None
        Source read by the workloads; None for the whole tree.
    pairs : int
        Interleaved blocks of timed samples.
    memory_pairs : int
        Blocks of memory runs.
    warmup_blocks : int
        First blocks that are discarded.
    """

    limit_bytes: int | None
    pairs: int
    memory_pairs: int
    warmup_blocks: int

    @classmethod
    def of(cls, config: Config, source: Path | None, *, pairs: int | None, quick: bool) -> Scale:
        """Return the scale that a config and its overrides mean; a source of the user's own is read whole."""
        settings = config.benchmark
        limit = QUICK_LIMIT_BYTES if quick else DEFAULT_LIMIT_BYTES if source is None else None
        timed = pairs or (2 if quick else settings.pairs)
        return cls(limit, timed, min(timed, 1 if quick else 3), 0 if quick else settings.warmup_blocks)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Folders that a workload's arms read: the same inputs before and after an edit, and one to write into."""

    original: Mapping[str, str]
    edited: Mapping[str, str]
    scratch: Path
    settings: Mapping[str, Any]

    def folder(self, name: str) -> str:
        path = self.scratch / name
        path.mkdir(parents=True, exist_ok=True)
        return str(path)


def run_workloads(
    names: tuple[str, ...],
    *,
    config: Config,
    recorder: Recorder,
    source: Path | None = None,
    scale: Scale,
    on_step: OnStep = lambda *_: None,
) -> list[Bench]:
    """Measure workloads, naive against optimized, cold, warm and after an edit.

    Parameters
    ----------
    names
        Of `WORKLOADS`.
    source
        Source tree; by default the standard library of the running Python. It is copied and never written to.

    Raises
    ------
    SourceError
        If the source is missing or holds nothing to read.
    BenchmarkError
        If an arm fails, or arms disagree on their output.
    """
    corpus = select(source, seed=config.benchmark.seed, limit_bytes=scale.limit_bytes)
    recorder.note(
        source={
            "name": corpus.name,
            "files": len(corpus.files),
            "nbytes": corpus.nbytes,
            "skipped": len(corpus.skipped),
        }
    )
    with tempfile.TemporaryDirectory(prefix="perflab-") as scratch:
        copies = _copies(corpus, Path(scratch), config.benchmark.seed)
        return [
            _measure(name, WORKLOADS[name](copies, Path(scratch) / name, config), config, recorder, scale, on_step)
            for name in names
        ]


def _copies(corpus: Corpus, scratch: Path, seed: int) -> dict[str, Path]:
    """Return a copy of the source as it is, and one with one function edited."""
    copies = {state: scratch / state / corpus.root.name for state in ("original", "edited")}
    for folder in copies.values():
        copy_corpus(corpus, folder)
    edit_one_function(copies["edited"], seed)
    return copies


def _documents_stage(copies: Mapping[str, Path], scratch: Path, config: Config) -> tuple[_Stage, str]:
    original, edited = ({"source": str(copies[state])} for state in ("original", "edited"))
    return _Stage(original, edited, scratch, config.model_dump(mode="json")), "documents"


def _validation_stage(copies: Mapping[str, Path], scratch: Path, config: Config) -> tuple[_Stage, str]:
    settings = config.model_dump(mode="json")
    inputs = {state: _planted(path, scratch / state, settings, config.benchmark.seed) for state, path in copies.items()}
    return _Stage(inputs["original"], inputs["edited"], scratch, settings), "validation"


def _planted(source: Path, scratch: Path, settings: Mapping[str, Any], seed: int) -> dict[str, str]:
    """Create the documents of a source tree and put defects into a copy of them."""
    from perflab.workloads.crossvalidate import plant

    scratch.mkdir(parents=True)
    clean, planted = scratch / "clean", scratch / "planted"
    targets.optimized_documents(str(source), str(clean), str(scratch / "store"), str(scratch / "run"), settings)
    defects = plant(clean, planted, seed)
    planted.with_suffix(".json").write_text(json.dumps([asdict(defect) for defect in defects]))
    return {"source": str(source), "documents": str(planted)}


WORKLOADS: Mapping[str, Callable[[Mapping[str, Path], Path, Config], tuple[_Stage, str]]] = {
    "document-creation": _documents_stage,
    "cross-validation": _validation_stage,
}
"""The built-in workloads by name."""


def _measure(
    name: str, staged: tuple[_Stage, str], config: Config, recorder: Recorder, scale: Scale, on_step: OnStep
) -> Bench:
    stage, work = staged
    on_step(f"{name}: making ready", 0, 0, None)
    store = _filled_store(stage, work)
    naive = _naive_outcome(stage, work)
    arms = tuple(_arms(stage, work, store, config))
    settings = config.benchmark

    def step(done: int, total: int, label: str, remaining_s: float | None) -> None:
        recorder.flush()  # what is measured outlives whatever happens next
        on_step(f"{name}: {label}", done, total, remaining_s)

    bench = run_benchmark(
        name,
        arms,
        pairs=scale.pairs,
        seed=settings.seed,
        recorder=recorder,
        warmup_blocks=scale.warmup_blocks,
        memory_blocks=scale.memory_pairs,
        memory_arms=("baseline", "optimized (cold)"),
        confidence=settings.confidence,
        band_ratio=settings.band_ratio,
        on_progress=step,
        adopt=lambda folder: _adopt(folder, recorder),
    )
    _compare_edited(name, naive, bench)
    return bench


def _arms(stage: _Stage, work: str, store: str, config: Config) -> Iterator[Arm]:
    """Yield the baseline, and the optimized arm cold, cold on one worker, warm, and after an edit."""
    setup = f"{_ARMS}:fresh_folders"
    cold = {**stage.original, "settings": stage.settings, "scratch": stage.folder("cold")}
    serial = {**cold, "settings": {**stage.settings, "parallel_processing_enabled": False}}
    warm = {**cold, "store": store}

    def optimized(state: State, arguments: Mapping[str, Any], workers: int = config.workers) -> Arm:
        inputs = "edited" if state == "incremental" else "original"
        target = f"{_ARMS}:optimized_{work}"
        return Arm("optimized", target, arguments, setup=setup, state=state, workers=workers, inputs=inputs)

    naive = {**stage.original, "scratch": stage.folder("baseline")}
    yield Arm("baseline", f"{_ARMS}:naive_{work}", naive, setup=setup, inputs="original")
    yield optimized("cold", cold)
    if config.workers > 1:
        yield optimized("cold", serial, workers=1)
    yield optimized("warm", warm)
    yield optimized("incremental", {**warm, **stage.edited})


def _filled_store(stage: _Stage, work: str) -> str:
    """Return a disk tier as a first optimized execution leaves it."""
    folder = Path(stage.folder("warm"))
    optimized: Callable[..., Outcome] = getattr(targets, f"optimized_{work}")
    folders = {name: str(folder / name) for name in ("out", "store", "run")}
    optimized(**stage.original, **folders, settings=stage.settings)
    return folders["store"]


def _naive_outcome(stage: _Stage, work: str) -> Outcome:
    """Return what the naive arm makes of the edited inputs: the incremental arm is held against it."""
    naive: Callable[..., Outcome] = getattr(targets, f"naive_{work}")
    return naive(**stage.edited, out=str(Path(stage.folder("naive")) / "out"))


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
