"""Identifiers that are defined twice, or referred to and never defined.

In: the statements of two documents, or of all. Out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.statements import Statements

__all__ = ["defined", "duplicates", "undefined"]

_FRONT_MATTER = 1  # a document's own identifier and its `depends` are reported on its first line


def defined(document: Statements) -> Iterator[tuple[str, int]]:
    """Yield (identifier, line) of everything that a document defines, the document itself first."""
    yield document.id, _FRONT_MATTER
    for definition in document.definitions:
        yield definition.identifier, definition.line


def duplicates(a: Statements, b: Statements) -> Iterator[Finding]:
    """Yield a finding in `b` for each identifier that `a` defines too; `a` may be `b` itself."""
    places: dict[str, list[int]] = {}
    for identifier, line in defined(a):
        places.setdefault(identifier, []).append(line)
    for identifier, line in defined(b):
        for other in places.get(identifier, ()):
            if a.path != b.path or other < line:
                message = f"{identifier} is defined here and in {a.path} line {other}"
                yield Finding(b.path, line, "duplicate-identifier", identifier, message)


def undefined(documents: Sequence[Statements]) -> Iterator[Finding]:
    """Yield a finding for each reference to an identifier that no document defines."""
    known = {identifier for document in documents for identifier, _ in defined(document)}
    for document in documents:
        for relation, target, line in _references(document):
            if target not in known:
                message = f"{target} is referred to ({relation}) and no document defines it"
                yield Finding(document.path, line, "undefined-identifier", target, message)


def _references(document: Statements) -> Iterator[tuple[str, str, int]]:
    for target in document.depends:
        yield "front matter depends", target, _FRONT_MATTER
    for reference in document.references:
        yield reference.relation, reference.target, reference.line
