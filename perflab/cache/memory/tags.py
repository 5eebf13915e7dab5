"""Which entries have which tag.

In: entries with tags. Out: the entries of a tag.
"""

from __future__ import annotations

from perflab.cache.entry import Entry

__all__ = ["Tags"]


class Tags:
    """Entries by tag, in the order in which they came; each step is O(1) a tag of the entry.

    Examples
    --------
    >>> from perflab.cache.entry import Facts
    >>> tags, entry = Tags(), Entry("page", "text", 8, facts=Facts(tags=("site",)))
    >>> tags.add(entry)
    >>> [entry.key for entry in tags.of("site")], tags.of("other")
    (['page'], [])
    """

    def __init__(self) -> None:
        self._members: dict[str, dict[Entry, None]] = {}

    def add(self, entry: Entry) -> None:
        """Take in an entry under each of its tags."""
        for tag in entry.facts.tags:
            self._members.setdefault(tag, {})[entry] = None

    def discard(self, entry: Entry) -> None:
        """Forget an entry, and a tag that nothing has any more."""
        for tag in entry.facts.tags:
            members = self._members.get(tag, {})
            members.pop(entry, None)
            if not members:
                self._members.pop(tag, None)

    def of(self, tag: str) -> list[Entry]:
        """Return the entries of a tag."""
        return list(self._members.get(tag, ()))
