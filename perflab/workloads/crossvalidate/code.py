"""What a document says about the code, held against the code: paths, sizes, symbols, signatures, defaults, digests.

In: the statements of one document, measures and facts of the source files. Out: findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.quantities import contradict, key, subject
from perflab.workloads.crossvalidate.signatures import name_of, rule_for
from perflab.workloads.crossvalidate.sources import Source
from perflab.workloads.crossvalidate.statements import Statements
from perflab.workloads.document import CodeReference, Quantity
from perflab.workloads.facts import module_of
from perflab.workloads.factsheet import FileFacts

__all__ = ["Modules", "check_code", "files_analysed", "files_named", "modules"]

Modules = Mapping[str, tuple[str, ...]]

_MAX_NAME = 1_000  # characters; every dot is a place to split at, so the work would grow with the square


def modules(paths: Iterable[str]) -> Modules:
    """Return the source files of each module name; two files can share one, as `a.py` and `a/__init__.py` do."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(paths):
        found[module_of(path)] = (*found.get(module_of(path), ()), path)
    return found


def files_named(document: Statements) -> set[str]:
    """Return the paths that a document may name: whether these exist, and their measures, decide its findings."""
    paths = {path for path, _ in document.inputs}
    paths.update(reference.text for reference in document.code if reference.kind == "path")
    paths.update(quantity.subject for quantity in document.quantities)
    return paths


def files_analysed(document: Statements, known: Modules) -> set[str]:
    """Return the source files whose facts decide a document's findings on symbols and signatures."""
    return {
        path
        for reference in document.code
        if reference.kind != "path"
        for module, _ in _splits(_symbol(reference))
        for path in known.get(module, ())
    }


def check_code(
    document: Statements, known: Modules, sources: Mapping[str, Source], facts: Mapping[str, FileFacts]
) -> list[Finding]:
    """Return what a document says of the code that is not so.

    Parameters
    ----------
    document
        What the document states.
    known
        The files of every module of the corpus.
    sources
        Measures of the corpus's files among `files_named`; more do no harm. Nothing is opened by a name that a document
        gives: a path outside of the corpus is just not there.
    facts
        Facts of the files of `files_analysed`; more do no harm.
    """
    return [
        *_stale(document, sources),
        *_outdated(document, sources),
        *_missing_paths(document, sources),
        *_symbols(document, known, facts),
    ]


def _stale(document: Statements, sources: Mapping[str, Source]) -> Iterator[Finding]:
    for path, stated in document.inputs:
        actual = sources[path].digest if path in sources else None
        if actual != stated:
            now = f"has {actual} now" if actual else "is not in the source tree any more"
            message = f"the document was made from {path} with {stated}, which {now}"
            yield Finding(document.path, 1, "stale-digest", path, message)


def _outdated(document: Statements, sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Yield the stated sizes of files that their bytes contradict."""
    for stated in document.quantities:
        source = sources.get(stated.subject)
        actual = _actual(source).get(key(stated)[1]) if source else None
        if actual is not None and contradict(stated, Quantity(stated.subject, "", *actual, line=0)):
            message = (
                f"{subject(stated)} is {stated.value:.15g} {stated.unit} here and {actual[0]} {actual[1]} in the source"
            )
            yield Finding(document.path, stated.line, "contradicting-quantity", subject(stated), message)


def _actual(source: Source) -> dict[str, tuple[int, str]]:
    return {"lines": (source.lines, "lines"), "size": (source.nbytes, "bytes")}


def _missing_paths(document: Statements, sources: Mapping[str, Source]) -> Iterator[Finding]:
    for reference in document.code:
        if reference.kind == "path" and reference.text not in sources:
            message = f"{reference.text} is not a file of the source tree"
            yield Finding(document.path, reference.line, "missing-path", reference.text, message)


def _symbols(document: Statements, known: Modules, facts: Mapping[str, FileFacts]) -> Iterator[Finding]:
    tables: dict[str, dict[str, list[str]]] = {}
    for reference in document.code:
        if reference.kind == "path":
            continue
        name = _symbol(reference)
        if reference.kind == "symbol" and name in known:
            continue
        actual = [s for table, rest in _tables(name, known, facts, tables) for s in table.get(rest, ())]
        if not actual:
            message = f"{name} is not defined in the source tree"
            yield Finding(document.path, reference.line, "missing-symbol", name, message)
        elif reference.kind == "signature" and reference.text not in actual:
            message = f"the source has {' and '.join(actual)}, not {reference.text}"
            rule = min(rule_for(reference.text, signature) for signature in actual)
            yield Finding(document.path, reference.line, rule, name, message)


def _symbol(reference: CodeReference) -> str:
    return name_of(reference.text) if reference.kind == "signature" else reference.text


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield each (module, rest) that a dotted name may mean, itself included; one of absurd length means nothing."""
    if len(name) <= _MAX_NAME:
        yield name, ""
        for dot in re.finditer(r"\.", name):
            yield name[: dot.start()], name[dot.end() :]


def _tables(
    name: str, known: Modules, facts: Mapping[str, FileFacts], tables: dict[str, dict[str, list[str]]]
) -> Iterator[tuple[dict[str, list[str]], str]]:
    """Yield (signatures by name, name to look up) for each file that may define a dotted name."""
    for module, rest in _splits(name):
        for path in known.get(module, ()):
            if path not in tables:
                tables[path] = _table(facts[path])
            yield tables[path], rest


def _table(facts: FileFacts) -> dict[str, list[str]]:
    """Return the signatures of each name; overloads and conditional definitions give a name several."""
    table: dict[str, list[str]] = {}
    for symbol in facts["symbols"]:
        table.setdefault(symbol["name"], []).append(symbol["signature"])
    for constant in facts["constants"]:
        table.setdefault(constant["name"], []).append(f"{facts['module']}.{constant['name']}")
    return table
