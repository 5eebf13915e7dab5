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
from perflab.workloads.document import FEATURE_KINDS, STEERING_KINDS
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

OF_ALL_FEATURES = len(STEERING_KINDS) + 1
"""The steering documents and the index."""

SIZES: Mapping[str, tuple[int, int]] = {
    "files": (1, 100_000),
    "documents": (OF_ALL_FEATURES + len(FEATURE_KINDS), 100_000),
    "defects": (0, 1_000),
}
"""Bounds on what can be asked for: a feature has three documents, and four are of all of them."""


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
    files, documents : int or None
        Bounds on the source files and on the documents that are made of them, instead of the size in `source`; then
        no module of many modules is added.
    defects : int or None
        Defects of each rule that are planted into the documents of cross-validation; 3 if None.
    states : tuple of str
        In which states the optimized arm is measured: `cold`, `warm`, `incremental`.
    """

    source: Literal["quick", "default", "whole"]
    pairs: int
    memory_pairs: int
    warmup_blocks: int
    files: int | None = None
    documents: int | None = None
    defects: int | None = None
    states: Sequence[str] = STATES

    def __post_init__(self) -> None:
        unknown = [state for state in self.states if state not in STATES]
        if unknown or not self.states:
            raise BenchmarkError(f"The states are {list(self.states)!r}; give one or more of {', '.join(STATES)}.")

    @classmethod
    def of(cls, config: Config, source: Path | None, *, pairs: int | None, quick: bool, **sizes: int | None) -> Scale:
        """Return the scale that a config and its overrides mean; a source of the user's own is read whole.

        Raises
        ------
        BenchmarkError
            If one of the `sizes` (`files`, `documents`, `defects`) is out of its bounds.
        """
        for name, asked in sizes.items():
            low, high = SIZES[name]
            if asked is not None and not low <= asked <= high:
                raise BenchmarkError(f"{name} is {asked}; allowed is {low} to {high:,}.")
        settings = config.benchmark
        size: Literal["quick", "default", "whole"] = "quick" if quick else "default" if source is None else "whole"
        timed = pairs or (QUICK_PAIRS if quick else settings.pairs)
        memory = min(timed, 1 if quick else MEMORY_PAIRS)
        files, documents, defects = (sizes.get(name) for name in SIZES)
        return cls(size, timed, memory, 0 if quick else settings.warmup_blocks, files, documents, defects)

    @property
    def features(self) -> int | None:
        """Features that give no more than `documents`."""
        return None if self.documents is None else (self.documents - OF_ALL_FEATURES) // len(FEATURE_KINDS)


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
        Source, and a module of many modules beside it, at which the naive arm takes 13 s on one core of the 2-core
        machine that the README's figures come from, and as much memory as the guide starts from, 200 MB. At the guide's
        20 s and 15 s a benchmark of both would take more than ten minutes. With 0 there is no such module.
    quick_bytes : int
        Source at which all its arms together take about 20 s there.
    inputs : callable
        Makes ready what the arms read of one copy of the source.
    """

    work: str
    limit_bytes: int
    large_bytes: int
    quick_bytes: int
    inputs: Callable[[Path, Path, Config, int | None], Mapping[str, str]]


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
    seed = config.benchmark.seed
    if scale.files is not None or scale.documents is not None:
        return select(source, seed=seed, max_files=scale.files, max_features=scale.features)
    limits = {"quick": workload.quick_bytes, "default": workload.limit_bytes, "whole": None}
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
    defects: int | None = None,
) -> Stage:
    """Copy the source, edit a second copy, and make ready what the arms read of each; see `Scale` for `defects`."""
    # Both copies have the tree's own name, since it stands in the documents.
    copies = {state: scratch / state / corpus.root.name for state in ("original", "edited")}
    for copy in copies.values():
        copy_corpus(corpus, copy)
    edit(copies["edited"], config.benchmark.seed)
    inputs = {
        state: workload.inputs(copy, scratch / f"{state}-inputs", config, defects) for state, copy in copies.items()
    }
    return Stage(inputs["original"], inputs["edited"], scratch, config.model_dump(mode="json"))


def _source(source: Path, scratch: Path, config: Config, defects: int | None) -> Mapping[str, str]:
    del scratch, config, defects
    return {"source": str(source)}


def _planted(source: Path, scratch: Path, config: Config, defects: int | None) -> Mapping[str, str]:
    """Create the documents of a source tree and put defects into a copy of them."""
    from perflab.workloads.crossvalidate import DEFAULT_COUNTS, plant

    scratch.mkdir(parents=True)
    clean, planted = scratch / "clean", scratch / "planted"
    settings = config.model_dump(mode="json")
    targets.optimized_documents(str(source), str(clean), str(scratch / "store"), str(scratch / "run"), settings)
    counts = DEFAULT_COUNTS if defects is None else dict.fromkeys(DEFAULT_COUNTS, defects)
    found = plant(clean, planted, config.benchmark.seed, counts)
    planted.with_suffix(".json").write_text(json.dumps([asdict(defect) for defect in found]))
    return {"source": str(source), "documents": str(planted)}


WORKLOADS: Mapping[str, Workload] = {
    "document-creation": Workload("documents", 2_000_000, 3_000_000, 450_000, _source),
    "cross-validation": Workload("validation", 3_600_000, 0, 750_000, _planted),
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
