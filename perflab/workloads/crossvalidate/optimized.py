"""The optimized arm: each document is parsed once, each pair that cannot break a rule is skipped, results are kept.

In: a folder of documents, the corpus, a cache, workers and a recorder. Out: `Validated`, with the baseline's findings.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cache as once
from pathlib import Path
from typing import TypeVar

from perflab.errors import SourceError
from perflab.parallel import Workers
from perflab.record import NULL_RECORDER, Recorder
from perflab.workloads import render
from perflab.workloads.analysis import Cache
from perflab.workloads.corpus import Corpus, read_source
from perflab.workloads.crossvalidate.ahead import FactsAhead
from perflab.workloads.crossvalidate.code import Modules, check_code, files_analysed, files_named, modules
from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.folder import content_digest, document_paths, read, statements
from perflab.workloads.crossvalidate.pairs import candidate_pairs, check_pair
from perflab.workloads.crossvalidate.sources import Source, measure
from perflab.workloads.crossvalidate.statements import Statements, from_bytes, to_bytes
from perflab.workloads.crossvalidate.validated import SET_RULES, Validated, validated
from perflab.workloads.factsheet import FileFacts
from perflab.workloads.layout import layout_of
from perflab.workloads.reuse import Reuse

__all__ = ["POOL_BYTES", "code_digest", "validate_optimized"]

T = TypeVar("T")

_PREFIX = "cross-validation"
POOL_BYTES = 3_000_000
"""Fewer bytes of documents are parsed (7 MB/s) in less time than worker processes take to start."""

_COUNTED = (
    "chunks_processed",
    "chunks_reused",
    "documents_checked",
    "documents_parsed",
    "facts_computed",
    "facts_reused",
    "pairs_compared",
)


@dataclass(frozen=True)
class _Tools:
    cache: Cache
    workers: Workers
    recorder: Recorder
    work: Counter[str]


@dataclass(frozen=True, slots=True)
class _Code:
    """The source files as they are measured, by module, and their facts."""

    sources: Mapping[str, Source]
    modules: Modules
    ahead: FactsAhead


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A document's statements and the digest of its path and bytes."""

    digest: str
    statements: Statements


def validate_optimized(
    documents_dir: Path, corpus: Corpus, *, cache: Cache, workers: Workers, recorder: Recorder = NULL_RECORDER
) -> Validated:
    """Validate documents with caches and workers; the findings are those of `validate_naive`.

    Parameters
    ----------
    documents_dir
        Folder of the documents.
    corpus
        The source files that they were made from.
    cache
        Anything with `get(key)` and `set(key, value)`. It keeps, by content digests, what each document states, the
        findings of each candidate pair and of each document against the code, and the facts of each source file, which
        document creation shares. A later run computes only what changed.
    workers
        Parse documents and analyse source files.
    recorder
        Gets an operation for the whole run and for each of its steps, and a row for each chunk of a large source file.

    Raises
    ------
    SourceError
        As `validate_naive`.
    """
    tools = _Tools(cache, workers, recorder, Counter(dict.fromkeys(_COUNTED, 0)))
    with recorder.operation(_PREFIX, key=documents_dir.name):
        contents = _contents(tools, documents_dir)
        sources = {file.path: measure(read_source(file)) for file in corpus.files}
        sizes = {path: source.nbytes for path, source in sources.items()}
        with FactsAhead(lambda: _reuse(tools, corpus), sizes, workers.workers) as ahead:
            code = _Code(sources, modules(sources), ahead)
            documents = _load(tools, contents, code)
            with recorder.operation(f"{_PREFIX}-pairs"):
                findings = _check_pairs(tools, documents)
            with recorder.operation(f"{_PREFIX}-set"):
                findings += [f for rule in SET_RULES for f in rule([item.statements for item in documents])]
            with recorder.operation(f"{_PREFIX}-code"):
                findings += _check_code(tools, documents, code)
        return validated(findings, tools.work)


def _contents(tools: _Tools, folder: Path) -> list[tuple[str, bytes]]:
    with tools.recorder.operation(f"{_PREFIX}-read") as operation:
        contents = [(path, read(folder, path)) for path in document_paths(folder)]
        operation.nbytes = sum(len(data) for _, data in contents)
    return contents


def _load(tools: _Tools, contents: list[tuple[str, bytes]], code: _Code) -> list[_Loaded]:
    """Return what each document states, parsing those that are not in the cache."""
    digests = [content_digest(path, data) for path, data in contents]

    def parse(missing: Sequence[tuple[str, bytes]]) -> Iterable[bytes]:
        tools.work["documents_parsed"] += len(missing)
        for packed in _parsed(tools, missing):
            # It was never held against the code as it is now, which takes the facts of the files that it speaks of.
            code.ahead.want(files_analysed(from_bytes(packed), code.modules))
            yield packed

    with tools.recorder.operation(f"{_PREFIX}-parse"):
        packed = _remember(tools, "statements", digests, contents, parse)
        return [_Loaded(digest, from_bytes(data)) for digest, data in zip(digests, packed, strict=True)]


def _parsed(tools: _Tools, missing: Sequence[tuple[str, bytes]]) -> Iterable[bytes]:
    if sum(len(data) for _, data in missing) < POOL_BYTES:
        return map(_packed_statements, missing)
    return tools.workers.map(_packed_statements, missing, weight=lambda item: len(item[1]))


def _packed_statements(content: tuple[str, bytes]) -> bytes:
    return to_bytes(statements(*content))


def _check_pairs(tools: _Tools, documents: list[_Loaded]) -> list[Finding]:
    """Return the findings of all pairs, comparing those that may have one and are not in the cache."""
    pairs = [(documents[a], documents[b]) for a, b in candidate_pairs([item.statements for item in documents])]
    tools.work["pairs_possible"] = len(documents) * (len(documents) + 1) // 2

    def compare(missing: Sequence[tuple[_Loaded, _Loaded]]) -> Iterable[bytes]:
        tools.work["pairs_compared"] += len(missing)
        return (_packed(check_pair(a.statements, b.statements)) for a, b in missing)

    names = [f"{a.digest}-{b.digest}" for a, b in pairs]
    return [finding for data in _remember(tools, "pair", names, pairs, compare) for finding in _unpacked(data)]


def _check_code(tools: _Tools, documents: list[_Loaded], code: _Code) -> list[Finding]:
    """Return what the documents say of the code that is not so, checking those whose evidence has changed."""

    def check(missing: Sequence[_Loaded]) -> Iterable[bytes]:
        tools.work["documents_checked"] += len(missing)
        for item in missing:
            code.ahead.want(files_analysed(item.statements, code.modules))
        facts = _facts(tools, code)
        return (_packed(check_code(item.statements, code.modules, code.sources, facts)) for item in missing)

    names = [_evidence(item, code) for item in documents]
    return [finding for data in _remember(tools, "code", names, documents, check) for finding in _unpacked(data)]


def _evidence(item: _Loaded, code: _Code) -> str:
    """Return a digest of a document and of all that decides what the code says of it."""
    named = files_named(item.statements) & code.sources.keys()
    paths = sorted(named), sorted(files_analysed(item.statements, code.modules))
    seen = [[(path, code.sources[path].digest) for path in group] for group in paths]
    return hashlib.sha256(json.dumps([item.digest, seen]).encode()).hexdigest()


def _facts(tools: _Tools, code: _Code) -> dict[str, FileFacts]:
    """Return the facts that were asked for; they are of the sources that were measured, or the run does not count."""
    facts = code.ahead.all()
    tools.work.update(code.ahead.work)
    for path, found in facts.items():
        if found["digest"] != code.sources[path].digest:
            raise SourceError(f"source file {path!r} changed while it was read; validate again")
    return facts


def _reuse(tools: _Tools, corpus: Corpus) -> Reuse:
    """Return what finds facts in the cache that document creation fills too, or else has workers compute them."""
    return Reuse(corpus, layout_of(corpus), tools.cache, tools.workers, tools.recorder)


def _remember(
    tools: _Tools,
    step: str,
    names: Sequence[str],
    items: Sequence[T],
    compute: Callable[[Sequence[T]], Iterable[bytes]],
) -> list[bytes]:
    """Return the result of each item, in order: from the cache by the item's name, or else computed and kept."""
    keys = [f"{_PREFIX}/{step}/{code_digest()}/{name}" for name in names]
    results: list[bytes | None] = [tools.cache.get(key) for key in keys]
    missing = [at for at, result in enumerate(results) if result is None]
    if missing:
        for at, result in zip(missing, compute([items[at] for at in missing]), strict=True):
            results[at] = result
            tools.cache.set(keys[at], result)
    return [result for result in results if result is not None]


def _packed(findings: Iterable[Finding]) -> bytes:
    return json.dumps([astuple(finding) for finding in findings], separators=(",", ":")).encode("ascii")


def _unpacked(data: bytes) -> list[Finding]:
    return [Finding(*row) for row in json.loads(data)]


@once
def code_digest() -> str:
    """Return the digest of the code that results depend on: what other code computed is not taken from a cache."""
    rules = (file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(b"".join([render.code_digest().encode(), *rules])).hexdigest()[:16]
