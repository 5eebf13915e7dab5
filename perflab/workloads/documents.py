"""document-creation: the steering and specification documents of a source tree, in two arms.

In: a corpus and an output folder. Out: `Created`: the documents' paths and digest, the findings of the rules, and
counted work. Both arms give the same bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perflab.parallel import Workers
from perflab.record import NULL_RECORDER, Recorder
from perflab.workloads.analysis import Cache
from perflab.workloads.corpus import Corpus, read_source
from perflab.workloads.design import design
from perflab.workloads.document import FEATURE_KINDS
from perflab.workloads.facts import file_facts
from perflab.workloads.factsheet import FileFacts
from perflab.workloads.folder import output_digest, prepare, read_document, remove_stale, write_document
from perflab.workloads.heading import document_path
from perflab.workloads.layout import Layout, layout_of, used_files
from perflab.workloads.overlap import overlapping
from perflab.workloads.render import render
from perflab.workloads.requirements import requirements
from perflab.workloads.reuse import Made, Reuse
from perflab.workloads.rules import Examined, Finding, check, examine, judge
from perflab.workloads.steering import IndexRow, index, product, structure, tech
from perflab.workloads.summary import Summary, summarise
from perflab.workloads.tasks import tasks

__all__ = ["STEERING", "Created", "create_naive", "create_optimized"]

STEERING: Final[Mapping[str, Callable[[Layout, list[Summary]], Mapping[str, object]]]] = {
    "product": product,
    "structure": structure,
    "tech": tech,
}


@dataclass(frozen=True, slots=True)
class Created:
    """What one creation made.

    Attributes
    ----------
    paths
        The documents, relative to the output folder, sorted.
    digest
        `sha256:<hex>` over the sorted (path, bytes) of all documents.
    findings
        What the rules say of them; nothing, if all is well.
    work
        Counts: `files`, `source_bytes`, `facts_computed`, `facts_reused`, `chunks_processed`, `chunks_reused`,
        `documents`, `documents_rendered`, `documents_reused`, `output_bytes`. Facts that no document needed are
        neither computed nor reused; chunks are those of large files.
    """

    paths: tuple[str, ...]
    digest: str
    findings: tuple[Finding, ...]
    work: Mapping[str, int]


def create_naive(corpus: Corpus, out_dir: Path) -> Created:
    """Create the documents one after the other; each analyses the files that it needs.

    This is the program that one writes first. It is held against `create_optimized`, which gives the same bytes.

    Raises
    ------
    SourceError
        If a source file has become unreadable, or the output folder cannot be used.
    """
    layout = layout_of(corpus)
    prepare(out_dir, _paths(layout))
    files = {file.path: file for file in corpus.files}
    analysed: list[str] = []

    def analyse(paths: Iterable[str]) -> list[FileFacts]:
        analysed.extend(paths := list(paths))
        return [file_facts(path, read_source(files[path])) for path in paths]

    def summaries() -> list[Summary]:
        return [summarise(feature, analyse(paths)) for feature, paths in layout.features.items()]

    texts = {document_path(kind): render(content(layout, summaries())) for kind, content in STEERING.items()}
    for feature, paths in layout.features.items():
        texts[document_path("requirements", feature)] = render(requirements(feature, analyse(paths)))
        own = analyse(paths)
        used = analyse(used_files(layout, own))
        texts[document_path("design", feature)] = render(design(layout, feature, own, used))
        texts[document_path("tasks", feature)] = render(tasks(layout, feature, analyse(paths)))
    texts["index.md"] = render(index(layout, [_index_row(examine(text, path)) for path, text in texts.items()]))
    for path, text in texts.items():
        write_document(out_dir, path, text)
    remove_stale(out_dir, texts)
    counted = {"facts_computed": len(analysed), "facts_reused": 0, "chunks_processed": 0, "chunks_reused": 0}
    return _created(corpus, texts, check(texts), counted, rendered=len(texts))


def create_optimized(
    corpus: Corpus,
    out_dir: Path,
    *,
    cache: Cache,
    workers: Workers,
    recorder: Recorder = NULL_RECORDER,
    operations: int = 8,
) -> Created:
    """Create the same documents from cached facts and texts; what is missing is computed by the workers.

    Parameters
    ----------
    cache
        Keeps facts by file content, those of large files also by chunk, summaries by feature content and documents by
        the digest of their inputs, all of them also by the digest of the code. Anything with `get(key)` and
        `set(key, value)` will do.
    workers
        Analyse files in parallel, large ones chunk by chunk.
    recorder
        Gets one operation a step, a feature and a document, and one row a chunk.
    operations
        Documents that are in the making at once, at the most.

    Raises
    ------
    SourceError
        If a source file has become unreadable or changes meanwhile, or the output folder cannot be used.
    """
    layout = layout_of(corpus)
    prepare(out_dir, _paths(layout))
    with recorder.operation("read-sources", key=corpus.name) as operation:
        reuse = Reuse(corpus, layout, cache, workers, recorder)
        operation.nbytes = corpus.nbytes
    creation = _Creation(layout, out_dir, reuse, recorder)
    steering_missing = not creation.steering_is_made()
    made: dict[str, Made] = {}
    for pairs in overlapping(lambda name: creation.feature(name, steering_missing), layout.features, operations):
        made.update(pairs)
    made.update(overlapping(creation.steering, STEERING, operations))
    made["index.md"] = creation.index([item.examined for item in made.values()])
    with recorder.operation("validate-documents", key=corpus.name):
        findings = judge(item.examined for item in made.values())
    remove_stale(out_dir, made)
    texts = {path: item.text for path, item in made.items()}
    rendered = sum(not item.reused for item in made.values())
    return _created(corpus, texts, findings, reuse.work, rendered=rendered)


class _Creation:
    """The documents of one run of the optimized arm; its methods run in several threads at once."""

    def __init__(self, layout: Layout, out_dir: Path, reuse: Reuse, recorder: Recorder) -> None:
        self._layout = layout
        self._out_dir = out_dir
        self._reuse = reuse
        self._recorder = recorder
        self._all = [path for paths in layout.features.values() for path in paths]
        self._summaries: dict[str, Summary] = {}

    def steering_is_made(self) -> bool:
        """Tell whether no steering document needs the features' summaries."""
        return all(self._reuse.is_made(document_path(kind), self._all) for kind in STEERING)

    def feature(self, feature: str, summary_needed: bool) -> list[tuple[str, Made]]:
        """Make a feature's three documents, and its summary for the steering documents."""
        paths = self._layout.features[feature]
        own = functools.cache(lambda: self._reuse.facts(paths))
        with self._recorder.operation("read-feature", key=feature):
            if summary_needed:  # while this feature's facts are at hand
                self._summaries[feature] = self._reuse.summary(feature, own)
            used = self._reuse.used(feature, own)
        contents: dict[str, tuple[Iterable[str], Callable[[], Mapping[str, object]]]] = {
            "requirements": (paths, lambda: requirements(feature, own())),
            "design": ((*paths, *used), lambda: design(self._layout, feature, own(), self._reuse.facts(used))),
            "tasks": (paths, lambda: tasks(self._layout, feature, own())),
        }
        return [
            self._written(path, functools.partial(self._reuse.document, path, inputs, content))
            for kind, (inputs, content) in contents.items()
            for path in [document_path(kind, feature)]
        ]

    def steering(self, kind: str) -> tuple[str, Made]:
        """Make one steering document from the summaries of all features."""

        def content() -> Mapping[str, object]:
            return STEERING[kind](self._layout, [self._summary(name) for name in self._layout.features])

        path = document_path(kind)
        return self._written(path, functools.partial(self._reuse.document, path, self._all, content))

    def _summary(self, feature: str) -> Summary:
        """Return a feature's summary, also if the cache has forgotten a steering document since it was asked for."""
        if feature not in self._summaries:
            paths = self._layout.features[feature]
            self._summaries[feature] = self._reuse.summary(feature, lambda: self._reuse.facts(paths))
        return self._summaries[feature]

    def index(self, documents: list[Examined]) -> Made:
        """Make the index of all other documents."""
        rows = [_index_row(item) for item in documents]
        make = functools.partial(self._reuse.index, documents, lambda: index(self._layout, rows))
        return self._written("index.md", make)[1]

    def _written(self, path: str, make: Callable[[], Made]) -> tuple[str, Made]:
        """Make a document as one recorded operation, and write it unless the file says the same already."""
        with self._recorder.operation("create-document", key=path) as operation:
            made = make()
            operation.cache_hit = made.reused
            operation.nbytes = len(made.text.encode())
            if read_document(self._out_dir, path) != made.text:
                write_document(self._out_dir, path, made.text)
        return path, made


def _paths(layout: Layout) -> list[str]:
    features = [document_path(kind, feature) for feature in layout.features for kind in FEATURE_KINDS]
    return [*features, *(document_path(kind) for kind in STEERING), "index.md"]


def _index_row(examined: Examined) -> IndexRow:
    return IndexRow(
        path=examined["path"],
        id=examined["id"],
        kind=examined["kind"],
        feature=examined["feature"],
        digest=examined["digest"],
        definitions=len(examined["defines"]) - 1,
    )


def _created(
    corpus: Corpus, texts: Mapping[str, str], findings: Iterable[Finding], counted: Mapping[str, int], *, rendered: int
) -> Created:
    return Created(
        paths=tuple(sorted(texts)),
        digest=output_digest(texts),
        findings=tuple(findings),
        work={
            "files": len(corpus.files),
            "source_bytes": corpus.nbytes,
            **counted,
            "documents": len(texts),
            "documents_rendered": rendered,
            "documents_reused": len(texts) - rendered,
            "output_bytes": sum(len(text.encode()) for text in texts.values()),
        },
    )
