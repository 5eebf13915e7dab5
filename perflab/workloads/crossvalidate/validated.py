"""The result of one validation, and what both arms do once all documents are known.

In: findings and counts of work. Out: `Validated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from perflab.workloads.crossvalidate.coverage import uncovered
from perflab.workloads.crossvalidate.cycles import task_cycles
from perflab.workloads.crossvalidate.finding import Finding, digest
from perflab.workloads.crossvalidate.identifiers import undefined
from perflab.workloads.crossvalidate.statements import Statements

__all__ = ["SET_RULES", "Validated", "validated"]

SET_RULES: tuple[Callable[[Sequence[Statements]], Iterator[Finding]], ...] = (undefined, uncovered, task_cycles)
"""Rules that need all documents at once."""


@dataclass(frozen=True, slots=True)
class Validated:
    """Findings of one set of documents, sorted, without repeats.

    Attributes
    ----------
    digest
        Hash of the findings: two arms that agree give the same.
    work
        What was counted on the way, such as `pairs_compared` of `pairs_possible`, `documents_parsed`, `facts_computed`.
    """

    findings: tuple[Finding, ...]
    digest: str
    work: Mapping[str, int]


def validated(findings: Iterable[Finding], work: Mapping[str, int]) -> Validated:
    """Return the result made of findings in any order."""
    ordered = tuple(sorted(set(findings)))
    return Validated(ordered, digest(ordered), dict(sorted(work.items())))
