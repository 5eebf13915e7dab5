"""Sections that say nearly the same.

In: the statements of two documents. Out: a finding for each pair of sections whose prose is alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.passages import Passage
from perflab.workloads.crossvalidate.statements import Statements

__all__ = ["THRESHOLD", "jaccard", "near_duplicates", "prefix_length", "subject"]

THRESHOLD = 0.8
"""Share of common shingles from which two sections are near-duplicates."""


def jaccard(a: Sequence[int], b: Sequence[int]) -> float:
    """Return the share of shingles that two sets of distinct shingles have in common; NaN for two empty ones.

    Examples
    --------
    >>> jaccard([1, 2, 3], [2, 3, 4])
    0.5
    """
    common = len(set(a).intersection(b))
    union = len(a) + len(b) - common
    return common / union if union else math.nan


def prefix_length(size: int) -> int:
    """Return how many of a set's shingles must hold one of any set that is alike enough.

    With all sets sorted by one and the same order, two sets whose Jaccard index is THRESHOLD or more share an element
    of these prefixes (R. Bayardo, Y. Ma, R. Srikant, "Scaling up all pairs similarity search", WWW 2007). Rounding can
    only make the prefix longer, which is safe.

    Examples
    --------
    >>> prefix_length(100), prefix_length(1)
    (21, 1)
    """
    return size - math.ceil(THRESHOLD * size - 1e-9) + 1


def near_duplicates(a: Statements, b: Statements) -> Iterator[Finding]:
    """Yield a finding in `b` for each of its sections that is like one of `a`; `a` may be `b` itself."""
    for its in b.passages:
        for mine in a.passages:
            if (a.path != b.path or mine.line < its.line) and _comparable(mine, its):
                share = jaccard(mine.shingles, its.shingles)
                if share >= THRESHOLD:
                    place = f"{mine.title!r} in {a.path} line {mine.line}"
                    message = f"{share:.0%} of the phrases of {its.title!r} are also in {place}"
                    about = subject((a.path, mine.title), (b.path, its.title))
                    yield Finding(b.path, its.line, "near-duplicate-section", about, message)


def subject(*ends: tuple[str, str]) -> str:
    """Return the (path, title) of two sections, in any order, as a finding's subject."""
    return " | ".join(f"{path}: {title}" for path, title in sorted(ends))


def _comparable(a: Passage, b: Passage) -> bool:
    """Tell whether the sizes allow a Jaccard index of THRESHOLD: it is at most the smaller over the larger."""
    return min(len(a.shingles), len(b.shingles)) >= THRESHOLD * max(len(a.shingles), len(b.shingles)) - 1e-9
