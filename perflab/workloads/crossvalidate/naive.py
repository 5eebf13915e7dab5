"""The baseline: the straightforward program that one would write first.

In: a folder of documents and the corpus. Out: `Validated`, by reading, parsing and analysing again for each check.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from perflab.workloads.corpus import Corpus, read_source
from perflab.workloads.crossvalidate.code import check_code, files_analysed, files_named, modules
from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.folder import document_paths, read, statements
from perflab.workloads.crossvalidate.pairs import all_pairs, check_pair
from perflab.workloads.crossvalidate.sources import measure
from perflab.workloads.crossvalidate.statements import Statements
from perflab.workloads.crossvalidate.validated import SET_RULES, Validated, validated
from perflab.workloads.facts import file_facts

__all__ = ["validate_naive"]


def validate_naive(documents_dir: Path, corpus: Corpus) -> Validated:
    """Validate documents serially: each check reads and parses what it needs.

    Parameters
    ----------
    documents_dir
        Folder of the documents.
    corpus
        The source files that they were made from.

    Raises
    ------
    SourceError
        If the folder holds no document, or a document or source file cannot be read or understood.
    """
    work: Counter[str] = Counter()
    paths = document_paths(documents_dir)

    def load(path: str) -> Statements:
        work["documents_parsed"] += 1
        return statements(path, read(documents_dir, path))

    findings: list[Finding] = []
    for a, b in all_pairs(len(paths)):
        work["pairs_compared"] += 1
        findings += check_pair(load(paths[a]), load(paths[b]))
    for rule in SET_RULES:
        findings += rule([load(path) for path in paths])
    for path in paths:
        findings += _check_code(load(path), corpus, work)
    work["pairs_possible"] = work["pairs_compared"]
    return validated(findings, work)


def _check_code(document: Statements, corpus: Corpus, work: Counter[str]) -> list[Finding]:
    """Read and analyse every source file that one document speaks of."""
    files = {file.path: file for file in corpus.files}
    known = modules(files)
    sources = {path: measure(read_source(files[path])) for path in sorted(files_named(document) & files.keys())}
    facts = {path: file_facts(path, read_source(files[path])) for path in sorted(files_analysed(document, known))}
    work["sources_read"] += len(sources) + len(facts)
    work["facts_computed"] += len(facts)
    return check_code(document, known, sources, facts)
