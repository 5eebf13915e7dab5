"""Requirements that no design element implements, and design elements that no task implements.

In: the statements of all documents. Out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.statements import Statements

__all__ = ["uncovered"]

_STEPS = (
    ("REQ-", "DES-", "uncovered-requirement", "requirement {} is implemented by no design element"),
    ("DES-", "TASK-", "uncovered-design", "design element {} is implemented by no task"),
)


def uncovered(documents: Sequence[Statements]) -> Iterator[Finding]:
    """Yield a finding for each definition of a requirement or design element that nothing implements."""
    for of, by, rule, message in _STEPS:
        covered = _implemented(documents, by)
        for document in documents:
            for definition in document.definitions:
                name = definition.identifier
                if name.startswith(of) and name not in covered:
                    yield Finding(document.path, definition.line, rule, name, message.format(name))


def _implemented(documents: Sequence[Statements], by: str) -> set[str]:
    return {
        reference.target
        for document in documents
        for reference in document.references
        if reference.relation == "implements" and (reference.source_identifier or "").startswith(by)
    }
