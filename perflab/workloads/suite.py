"""The built-in workloads as benchmarks: sources and documents made ready, arms laid out, outputs compared.

In: a source tree, a config, a recorder. Out: rows of `samples` and of what the optimized arms recorded.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from perflab.bench import Arm, Bench, Outcome
from perflab.bench import run as run_benchmark
from perflab.bench.arm import State
from perflab.bench.resume import Earlier
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.record import FRAMES, Recorder
from perflab.record.store import read_info, read_table
from perflab.workloads import arms as targets
from perflab.workloads.amalgam import amalgamate
from perflab.workloads.corpus import Corpus, copy_corpus, select
from perflab.workloads.edit import EDITS, Edit, edit_one_function

__all__ = ["WORKLOADS", "OnStep", "Scale", "count_edits", "known_workloads", "run_workloads"]

OnStep = Callable[[str, int, int, float | None], None]
"""Called with what is going on, samples done, samples in all, and the seconds that remain, None if unknown."""

QUICK_PAIRS = 2
MEMORY_PAIRS = 3

_ARMS = "perflab.workloads.arms"
_LIBRARIES = (
    "diskcache",
    "jinja2",
    "loky",
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


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured.

    Attributes
    ----------
    source : str
        Source that a workload reads: `quick`, `default` (each workload has its own sizes), or `whole` tree.
    pairs : int
        Interleaved blocks of timed samples.
    memory_pairs : int
        Blocks of memory runs.
    warmup_blocks : int
        First blocks that are discarded.
    """

    source: Literal["quick", "default", "whole"]
    pairs: int
    memory_pairs: int
    warmup_blocks: int

    @classmethod
    def of(cls, config: Config, source: Path | None, *, pairs: int | None, quick: bool) -> Scale:
        """Return the scale that a config and its overrides mean; a source of the user's own is read whole."""
        settings = config.benchmark
        size: Literal["quick", "default", "whole"] = "quick" if quick else "default" if source is None else "whole"
        timed = pairs or (QUICK_PAIRS if quick else settings.pairs)
        memory = min(timed, 1 if quick else MEMORY_PAIRS)
        return cls(size, timed, memory, 0 if quick else settings.warmup_blocks)


@dataclass(frozen=True, slots=True)
class _Stage:
    """Folders that a workload's arms read, as they are and after an edit, and one to write into."""

    original: Mapping[str, str]
    edited: Mapping[str, str]
    scratch: Path
    settings: Mapping[str, Any]

    def folder(self, name: str) -> str:
        path = self.scratch / name
        path.mkdir(parents=True, exist_ok=True)
        return str(path)


@dataclass(frozen=True, slots=True)
class _Workload:
    """What is special to one workload.

    Attributes
    ----------
    work : str
        Its arms are `naive_<work>` and `optimized_<work>`.
    limit_bytes, large_bytes : int
        Source, and a module of many modules beside it, at which the naive arm takes about as long as the guide's
        starting points, 20 s and 15 s, on one core of the 2-core machine that the README's figures come from, and as
        much memory as it names, 200 MB. With 0 there is no such module.
    quick_bytes : int
        Source at which all its arms together take about 20 s there.
    inputs : callable
        Makes ready what the arms read of one copy of the source.
    """

    work: str
    limit_bytes: int
    large_bytes: int
    quick_bytes: int
    inputs: Callable[[Path, Path, Config], Mapping[str, str]]


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
        Of `WORKLOADS`.
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
            corpus = _corpus(WORKLOADS[name], source, scale, config, Path(folder) / f"{name}-source")
            sources[name] = {"name": corpus.name, "files": len(corpus.files), "nbytes": corpus.nbytes}
            recorder.note(sources=sources)
            stage = _staged(WORKLOADS[name], corpus, Path(folder) / name, config)
            benches.append(_measure(name, stage, config, recorder, scale, on_step, earlier))
        return benches


def known_workloads(names: Sequence[str]) -> tuple[str, ...]:
    """Return workloads by their names, each once; all of them where none is named.

    Raises
    ------
    BenchmarkError
        If there is no workload of a name.

    Examples
    --------
    >>> known_workloads([])
    ('document-creation', 'cross-validation')
    """
    for name in names:
        if name not in WORKLOADS:
            raise BenchmarkError(f"{name!r} is no workload; choose {' or '.join(WORKLOADS)}, or give two functions.")
    return tuple(dict.fromkeys(names)) or tuple(WORKLOADS)


def count_edits(
    name: str, *, config: Config, source: Path | None = None, scale: Scale, kinds: Sequence[str] = tuple(EDITS)
) -> list[dict[str, Any]]:
    """Run a workload once after each kind of edit, and count what it computes anew of what it could have.

    Parameters
    ----------
    name
        Of `WORKLOADS`.
    source, scale
        As for `run_workloads`.
    kinds
        Of `EDITS`.

    Returns
    -------
    list of dict
        A row a kind and counted thing: workload, edit, counted (`chunks`, `facts`, `documents`, `pairs`),
        recomputed, possible.

    Raises
    ------
    BenchmarkError
        If the optimized arm's output differs from the naive one's.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        corpus = _corpus(WORKLOADS[name], source, scale, config, Path(folder) / "source")
        for number, kind in enumerate(kinds):
            stage = _staged(WORKLOADS[name], corpus, Path(folder) / str(number), config, EDITS[kind])
            for counted, (recomputed, possible) in _recomputed(name, stage, kind).items():
                known = {"workload": name, "edit": kind, "counted": counted}
                rows.append({**known, "recomputed": recomputed, "possible": possible})
    return rows


def _recomputed(name: str, stage: _Stage, kind: str) -> dict[str, tuple[int, int]]:
    work = WORKLOADS[name].work
    store, naive = _filled_store(stage, work), _naive_outcome(stage, work)
    optimized: Callable[..., Outcome] = getattr(targets, f"optimized_{work}")
    folder = Path(stage.folder("edited-run"))
    found = optimized(
        **stage.edited, out=str(folder / "out"), store=store, run=str(folder / "run"), settings=stage.settings
    )
    if found.digest != naive.digest:
        raise BenchmarkError(
            f"After {kind} the optimized arm of {name!r} gives another output ({found.digest}) than the naive one "
            f"({naive.digest}); the counts mean nothing."
        )
    counts = found.work or {}
    return {
        what: (counts[anew], counts[rest] + (counts[anew] if rest.endswith("_reused") else 0))
        for what, (anew, rest) in _COUNTED.items()
        if anew in counts and rest in counts
    }


_COUNTED = {
    "facts": ("facts_computed", "facts_reused"),
    "chunks": ("chunks_processed", "chunks_reused"),
    "documents": ("documents_rendered", "documents"),
    "pairs": ("pairs_compared", "pairs_possible"),
}
"""What is counted, and where the work says how much of it was done, and how much was not or could have been."""


def _corpus(workload: _Workload, source: Path | None, scale: Scale, config: Config, scratch: Path) -> Corpus:
    limits = {"quick": workload.quick_bytes, "default": workload.limit_bytes, "whole": None}
    seed = config.benchmark.seed
    corpus = select(source, seed=seed, limit_bytes=limits[scale.source])
    if scale.source != "default" or not workload.large_bytes:
        return corpus
    copy = scratch / corpus.root.name
    copy_corpus(corpus, copy)
    amalgamate(select(source), copy, workload.large_bytes, seed)
    return select(copy)


def _staged(
    workload: _Workload,
    corpus: Corpus,
    scratch: Path,
    config: Config,
    edit: Callable[[Path, int], Edit] = edit_one_function,
) -> _Stage:
    """Copy the source, edit a second copy, and make ready what the arms read of each."""
    # Both copies have the tree's own name, since it stands in the documents.
    copies = {state: scratch / state / corpus.root.name for state in ("original", "edited")}
    for copy in copies.values():
        copy_corpus(corpus, copy)
    edit(copies["edited"], config.benchmark.seed)
    inputs = {state: workload.inputs(copy, scratch / f"{state}-inputs", config) for state, copy in copies.items()}
    return _Stage(inputs["original"], inputs["edited"], scratch, config.model_dump(mode="json"))


def _source(source: Path, scratch: Path, config: Config) -> Mapping[str, str]:
    del scratch, config
    return {"source": str(source)}


def _planted(source: Path, scratch: Path, config: Config) -> Mapping[str, str]:
    """Create the documents of a source tree and put defects into a copy of them."""
    from perflab.workloads.crossvalidate import plant

    scratch.mkdir(parents=True)
    clean, planted = scratch / "clean", scratch / "planted"
    settings = config.model_dump(mode="json")
    targets.optimized_documents(str(source), str(clean), str(scratch / "store"), str(scratch / "run"), settings)
    defects = plant(clean, planted, config.benchmark.seed)
    planted.with_suffix(".json").write_text(json.dumps([asdict(defect) for defect in defects]))
    return {"source": str(source), "documents": str(planted)}


WORKLOADS: Mapping[str, _Workload] = {
    "document-creation": _Workload("documents", 1_500_000, 3_000_000, 450_000, _source),
    "cross-validation": _Workload("validation", 2_900_000, 0, 750_000, _planted),
}
"""The built-in workloads by name."""


def _measure(
    name: str,
    stage: _Stage,
    config: Config,
    recorder: Recorder,
    scale: Scale,
    on_step: OnStep,
    earlier: Earlier | None,
) -> Bench:
    work = WORKLOADS[name].work
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
        earlier=earlier,
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
