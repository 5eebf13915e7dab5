"""Defects that are put into a clean set of documents, so that it is known what the rules must find.

In: a folder of documents, a seed and how many of each rule. Out: a copy with defects, and the list of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from perflab.errors import SourceError
from perflab.workloads.crossvalidate.draft import Draft
from perflab.workloads.crossvalidate.finding import RULES
from perflab.workloads.crossvalidate.folder import decoded, document_paths, read
from perflab.workloads.crossvalidate.places import PLACES, Place, Places

__all__ = ["DEFAULT_COUNTS", "Planted", "plant"]

DEFAULT_COUNTS: Mapping[str, int] = dict.fromkeys(RULES, 3)
"""Defects of each rule, if nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted defect: the rule that it breaks, the document that was edited, and the finding's subject."""

    rule: str
    document: str
    subject: str


def plant(documents_dir: Path, to_dir: Path, seed: int, counts: Mapping[str, int] = DEFAULT_COUNTS) -> list[Planted]:
    """Copy documents and plant defects in the copy.

    Parameters
    ----------
    documents_dir
        A clean set of documents; it is not changed.
    to_dir
        Folder for the copy; it must be empty or not exist.
    seed
        The same documents, seed and counts give the same defects.
    counts
        How many defects of each rule, by name. Fewer are planted where a set has fewer places for them: no two have one
        rule and subject, and none is planted where it would hide or cause another.

    Raises
    ------
    SourceError
        If the documents cannot be read, or the target is not empty or cannot be written.
    ValueError
        If a rule is unknown or a count is negative.
    """
    if set(counts) - set(RULES) or any(count < 0 for count in counts.values()):
        raise ValueError(f"counts is {dict(counts)!r}; write 0 or more for any of {', '.join(RULES)}")
    if to_dir.exists() and any(to_dir.iterdir()):
        raise SourceError(f"{str(to_dir)!r} is not empty; give a new folder for the documents with defects")
    paths = document_paths(documents_dir)
    draft = Draft({path: decoded(path, read(documents_dir, path)) for path in paths})
    planted = list(_plant(draft, random.Random(seed), counts))
    for path in paths:
        _write(to_dir / path, draft.text(path))
    return planted


def _plant(draft: Draft, rng: random.Random, counts: Mapping[str, int]) -> Iterator[Planted]:
    for rule, places in PLACES.items():
        used: set[str] = set()
        while len(used) < counts.get(rule, 0):
            place = _choose(draft, rng, places, used)
            if place is None:
                break
            place.edit()
            draft.take(*place.line)
            used.add(place.subject)
            yield Planted(rule, place.document, place.subject)


def _choose(draft: Draft, rng: random.Random, places: Places, used: set[str]) -> Place | None:
    """Return a place in the first document, in random order, that has one."""
    for document in rng.sample(draft.documents, len(draft.documents)):
        found = places(draft, document, rng)
        free = [place for place in found if place.subject not in used and draft.is_free(*place.line)]
        if free:
            return rng.choice(free)
    return None


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise SourceError(f"{str(file)!r} cannot be written: {error.strerror}; give another folder") from error
