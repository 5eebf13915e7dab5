"""What the workloads' arms read, made ready: sources, their edited copies, documents, filled disk tiers.

In: a workload, a source tree, a config. Out: a `Stage`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from perflab.bench import Outcome
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.workloads import arms as targets
from perflab.workloads.amalgam import amalgamate
from perflab.workloads.corpus import Corpus, copy_corpus, select
from perflab.workloads.edit import Edit, edit_one_function
from perflab.workloads.reads import READ_WORKLOADS

__all__ = [
    "STATES",
    "WORKLOADS",
    "Scale",
    "Stage",
    "Workload",
    "corpus_of",
    "filled_store",
    "known_workloads",
    "naive_outcome",
    "staged",
]

QUICK_PAIRS = 2
MEMORY_PAIRS = 3
STATES = ("cold", "warm", "incremental")


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
    states : tuple of str
        In which states the optimized arm is measured: `cold`, `warm`, `incremental`.
    """

    source: Literal["quick", "default", "whole"]
    pairs: int
    memory_pairs: int
    warmup_blocks: int
    states: Sequence[str] = STATES

    def __post_init__(self) -> None:
        unknown = [state for state in self.states if state not in STATES]
        if unknown or not self.states:
            raise BenchmarkError(f"The states are {list(self.states)!r}; give one or more of {', '.join(STATES)}.")

    @classmethod
    def of(cls, config: Config, source: Path | None, *, pairs: int | None, quick: bool) -> Scale:
        """Return the scale that a config and its overrides mean; a source of the user's own is read whole."""
        settings = config.benchmark
        size: Literal["quick", "default", "whole"] = "quick" if quick else "default" if source is None else "whole"
        timed = pairs or (QUICK_PAIRS if quick else settings.pairs)
        memory = min(timed, 1 if quick else MEMORY_PAIRS)
        return cls(size, timed, memory, 0 if quick else settings.warmup_blocks)


@dataclass(frozen=True, slots=True)
class Stage:
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
class Workload:
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


def known_workloads(names: Sequence[str]) -> tuple[str, ...]:
    """Return workloads by their names, each once; those of a source tree where none is named.

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
        if name not in WORKLOADS and name not in READ_WORKLOADS:
            names = ", ".join((*WORKLOADS, *READ_WORKLOADS))
            raise BenchmarkError(f"{name!r} is no workload; choose one of {names}, or give two functions.")
    return tuple(dict.fromkeys(names)) or tuple(WORKLOADS)


def corpus_of(workload: Workload, source: Path | None, scale: Scale, config: Config, scratch: Path) -> Corpus:
    limits = {"quick": workload.quick_bytes, "default": workload.limit_bytes, "whole": None}
    seed = config.benchmark.seed
    corpus = select(source, seed=seed, limit_bytes=limits[scale.source])
    if scale.source != "default" or not workload.large_bytes:
        return corpus
    copy = scratch / corpus.root.name
    copy_corpus(corpus, copy)
    amalgamate(select(source), copy, workload.large_bytes, seed)
    return select(copy)


def staged(
    workload: Workload,
    corpus: Corpus,
    scratch: Path,
    config: Config,
    edit: Callable[[Path, int], Edit] = edit_one_function,
) -> Stage:
    """Copy the source, edit a second copy, and make ready what the arms read of each."""
    # Both copies have the tree's own name, since it stands in the documents.
    copies = {state: scratch / state / corpus.root.name for state in ("original", "edited")}
    for copy in copies.values():
        copy_corpus(corpus, copy)
    edit(copies["edited"], config.benchmark.seed)
    inputs = {state: workload.inputs(copy, scratch / f"{state}-inputs", config) for state, copy in copies.items()}
    return Stage(inputs["original"], inputs["edited"], scratch, config.model_dump(mode="json"))


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


WORKLOADS: Mapping[str, Workload] = {
    "document-creation": Workload("documents", 1_500_000, 3_000_000, 450_000, _source),
    "cross-validation": Workload("validation", 2_900_000, 0, 750_000, _planted),
}
"""The built-in workloads by name."""


def filled_store(stage: Stage, work: str) -> str:
    """Return a disk tier as a first optimized execution leaves it."""
    folder = Path(stage.folder("warm"))
    optimized: Callable[..., Outcome] = getattr(targets, f"optimized_{work}")
    folders = {name: str(folder / name) for name in ("out", "store", "run")}
    optimized(**stage.original, **folders, settings=stage.settings)
    return folders["store"]


def naive_outcome(stage: Stage, work: str) -> Outcome:
    """Return what the naive arm makes of the edited inputs: the incremental arm is held against it."""
    naive: Callable[..., Outcome] = getattr(targets, f"naive_{work}")
    return naive(**stage.edited, out=str(Path(stage.folder("naive")) / "out"))
