"""The prose of a document's sections, as sets of word shingles that can be compared.

In: a parsed document. Out: a `Passage` for each section with enough prose to compare.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import xxhash

from perflab.workloads.document import Document

__all__ = ["MIN_SHINGLES", "SHINGLE_WORDS", "Passage", "is_prose", "passages", "shingles"]

SHINGLE_WORDS = 5
"""Words a shingle: long enough that two texts share one only where they share a phrase."""

MIN_SHINGLES = 16
"""Sections with fewer distinct shingles are not compared: a template's sentence would outweigh what it says."""

_WORD = re.compile(r"\w+")
_STRUCTURED = re.compile(r"- (?:path|symbol|signature|quantity): |(?:implements|verifies|depends on): ", re.I)


@dataclass(frozen=True, slots=True)
class Passage:
    """The prose of one section. `shingles` are distinct 64-bit hashes, ascending."""

    title: str
    line: int
    shingles: tuple[int, ...]


def passages(document: Document) -> Iterator[Passage]:
    """Yield the sections that are long enough to be compared; statement and relation lines are not prose."""
    for section in document.sections:
        prose = "\n".join(line for line in section.text.split("\n") if is_prose(line))
        hashes = shingles(prose)
        if len(hashes) >= MIN_SHINGLES:
            yield Passage(section.title, section.line, hashes)


def is_prose(line: str) -> bool:
    """Tell whether a line is running text or a plain bullet, and no statement or relation."""
    return not _STRUCTURED.match(line)


def shingles(text: str) -> tuple[int, ...]:
    """Return the distinct hashes of all runs of SHINGLE_WORDS words, without regard to case and punctuation.

    A. Broder, "On the resemblance and containment of documents" (1997). The hash is XXH3, so that it is the same in
    every process.

    Examples
    --------
    >>> shingles("To be, or not to be!") == shingles("to be or not to be")
    True
    """
    words = _WORD.findall(text.casefold())
    runs = {" ".join(words[at : at + SHINGLE_WORDS]) for at in range(len(words) - SHINGLE_WORDS + 1)}
    return tuple(sorted(xxhash.xxh3_64_intdigest(run.encode()) for run in runs))
