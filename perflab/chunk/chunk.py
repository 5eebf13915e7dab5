"""One chunk of a file: a byte extent with a kind, a name and a digest.

In: bytes and where they lie. Out: frozen `Chunk` objects that travel between processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import xxhash

if TYPE_CHECKING:
    from perflab.chunk.references import References

__all__ = ["Chunk", "Piece", "digest_of"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A byte extent `[start, stop)` of a file; never a time.

    Attributes
    ----------
    path
        The file as the caller named it; empty for bytes that came from no file.
    start, stop
        Offsets in bytes from the start of the file, a byte-order mark included.
    start_line, end_line
        Lines of the first and the last byte, counted from 1. Only a line feed ends a line, so that a
        carriage return alone does not.
    kind
        `class`, `function`, `method`, `heading` and other definitions of the grammar, `statements` for code
        between them, `text` where no grammar was used, `binary`.
    name
        Qualified name of the definition that the chunk starts with; empty if it starts with none.
    parents
        Names of the definitions around the chunk, outermost first.
    digest
        xxh3_128 of `data` in hexadecimal digits. It tells contents apart; it is no protection against forgery.
    data
        The bytes themselves.
    language
        Name of the grammar that cut the file, or None.
    """

    path: str
    start: int
    stop: int
    start_line: int
    end_line: int
    kind: str
    name: str
    parents: tuple[str, ...]
    digest: str
    data: bytes
    language: str | None = None

    def __len__(self) -> int:
        """Return the size in bytes."""
        return self.stop - self.start

    @property
    def references(self) -> References:
        """The imports and the names that the chunk uses, found out at each call by parsing it."""
        from perflab.chunk.references import references

        return references(self)


class Piece(NamedTuple):
    """A chunk without its place and its bytes: what stays the same when it only moves.

    Attributes
    ----------
    nbytes, feeds
        Its size, and the line feeds in it.
    ended
        Whether it ends with a line feed.
    kind, name, parents, digest, language
        As those of `Chunk`.
    """

    nbytes: int
    feeds: int
    ended: bool
    kind: str
    name: str
    parents: tuple[str, ...]
    digest: str
    language: str | None

    def at(self, path: str, start: int, line: int, data: bytes) -> Chunk:
        """Return the chunk that begins at an offset and a line of a file and has these bytes."""
        kind, name, parents, digest = self.kind, self.name, self.parents, self.digest
        last = line + self.feeds - self.ended
        return Chunk(path, start, start + self.nbytes, line, last, kind, name, parents, digest, data, self.language)


def digest_of(data: bytes | memoryview) -> str:
    """Return the xxh3_128 digest of some bytes in hexadecimal digits.

    Examples
    --------
    >>> digest_of(b"")
    '99aa06d3014798d86001c324468d497f'
    """
    return str(xxhash.xxh3_128_hexdigest(data))
