"""Every document against every other: the rules for two documents, and which pairs can break one at all.

In: statements. Out: findings of a pair, and the pairs that are worth comparing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, combinations_with_replacement

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.identifiers import defined, duplicates
from perflab.workloads.crossvalidate.quantities import contradictions, key
from perflab.workloads.crossvalidate.similarity import near_duplicates, prefix_length
from perflab.workloads.crossvalidate.statements import Statements

__all__ = ["Pair", "all_pairs", "candidate_pairs", "check_pair"]

Pair = tuple[int, int]


def check_pair(a: Statements, b: Statements) -> list[Finding]:
    """Return what is wrong between two documents, or within one if both are the same.

    `a` is to come before `b` in the order of paths, so that a pair is reported in one way only.
    """
    return [*contradictions(a, b), *duplicates(a, b), *near_duplicates(a, b)]


def all_pairs(count: int) -> Iterator[Pair]:
    """Yield every pair of `count` documents, each document with itself included.

    Examples
    --------
    >>> list(all_pairs(2))
    [(0, 0), (0, 1), (1, 1)]
    """
    return combinations_with_replacement(range(count), 2)


def candidate_pairs(documents: Sequence[Statements]) -> list[Pair]:
    """Return the pairs that `check_pair` may have a finding for; every other pair has none.

    This is an inverted index for each rule. A contradiction needs one key with two different values, a duplicate one
    identifier in two places, and two sections that are alike share a shingle of their prefixes, here with the rarest
    shingles first, so that a template's phrases, which every document has, make no candidates.
    """
    found: set[Pair] = set()
    for keys in (_disputed_quantities(documents), _identifiers(documents), _rare_shingles(documents)):
        found.update(pair for places in keys for pair in combinations(places, 2))
    return sorted(found)


def _disputed_quantities(documents: Sequence[Statements]) -> Iterator[list[int]]:
    """Yield the documents of each key that is not everywhere given with one and the same value and unit."""
    places: dict[tuple[str, str], list[int]] = {}
    values: dict[tuple[str, str], set[tuple[float, str]]] = {}
    for number, document in enumerate(documents):
        for quantity in document.quantities:
            places.setdefault(key(quantity), []).append(number)
            values.setdefault(key(quantity), set()).add((quantity.value, quantity.unit))
    return (places[name] for name, different in values.items() if len(different) > 1)


def _identifiers(documents: Sequence[Statements]) -> Iterable[list[int]]:
    places: dict[str, list[int]] = {}
    for number, document in enumerate(documents):
        for identifier, _ in defined(document):
            places.setdefault(identifier, []).append(number)
    return places.values()


def _rare_shingles(documents: Sequence[Statements]) -> Iterable[list[int]]:
    """Return the documents of each shingle that is in the prefix of a section of theirs."""
    common = Counter(h for document in documents for passage in document.passages for h in passage.shingles)
    places: dict[int, list[int]] = {}
    for number, document in enumerate(documents):
        for passage in document.passages:
            rarest_first = sorted(passage.shingles, key=lambda h: (common[h], h))
            for shingle in rarest_first[: prefix_length(len(rarest_first))]:
                places.setdefault(shingle, []).append(number)
    return places.values()
