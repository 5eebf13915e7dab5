"""A set of documents that is being edited line by line.

In: the texts of parsed documents. Out: the edited texts; line numbers are those of the originals to the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from perflab.workloads.crossvalidate.cycles import dependencies
from perflab.workloads.crossvalidate.quantities import key
from perflab.workloads.crossvalidate.statements import state
from perflab.workloads.document import Document, parse

__all__ = ["Draft"]


class Draft:
    """Edits of documents that keep every line's number, so that several edits do not disturb each other.

    Parameters
    ----------
    texts
        Texts by path. `documents` are parsed from these and never show an edit.

    Examples
    --------
    >>> draft = Draft({"a.md": "one\\ntwo\\n"})
    >>> draft.insert("a.md", 1, "between")
    >>> draft.replace("a.md", 2, "deux")
    >>> draft.text("a.md")
    'one\\nbetween\\ndeux\\n'
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._lines = {path: text.split("\n") for path, text in texts.items()}
        self._taken: set[tuple[str, int]] = set()

    @cached_property
    def documents(self) -> tuple[Document, ...]:
        """The documents before any edit, by path."""
        return tuple(parse(text, path) for path, text in sorted(self._texts.items()))

    @cached_property
    def statements_of(self) -> Counter[tuple[str, str]]:
        """How often each quantity is stated, by its key, before any edit."""
        return Counter(key(quantity) for document in self.documents for quantity in document.quantities)

    @cached_property
    def dependencies(self) -> dict[str, set[str]]:
        """What each task depends on; an edit that adds a dependency adds it here too."""
        return dependencies([state(document) for document in self.documents])

    def other(self, path: str, pick: float) -> str:
        """Return the path of another document: the one at `pick`, from 0 to below 1, of all others."""
        others = [document.path for document in self.documents if document.path != path]
        return others[int(pick * len(others))]

    def text(self, path: str) -> str:
        """Return a document's text with the edits."""
        return "\n".join(self._lines[path])

    def line(self, path: str, number: int) -> str:
        """Return a line, counted from 1, with the edits."""
        return self._lines[path][number - 1]

    def replace(self, path: str, number: int, text: str) -> None:
        """Put a text in the place of a line."""
        self._lines[path][number - 1] = text

    def insert(self, path: str, number: int, text: str) -> None:
        """Put a text below a line."""
        self._lines[path][number - 1] += f"\n{text}"

    def append(self, path: str, text: str) -> None:
        """Put a text at the end of a document."""
        self._lines[path][-1] += f"\n{text}\n"

    def take(self, path: str, number: int) -> None:
        """Reserve a line: no other defect is to be planted from it or in it."""
        self._taken.add((path, number))

    def is_free(self, path: str, number: int) -> bool:
        """Tell whether a line is not reserved."""
        return (path, number) not in self._taken
