"""One chunk of a file: a byte extent with a kind, a name and a digest.

In: bytes and where they lie. Out: frozen `Chunk` objects that travel between processes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import xxhash

if TYPE_CHECKING:
    from perflab.chunk.references import References

__all__ = ["Chunk", "Piece", "digest_of"]


@dataclass(frozen=True, slots=True, init=False)
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

    def __init__(
        self,
        path: str,
        start: int,
        stop: int,
        start_line: int,
        end_line: int,
        kind: str,
        name: str,
        parents: tuple[str, ...],
        digest: str,
        data: bytes,
        language: str | None = None,
    ) -> None:
        # What a frozen dataclass generates takes twice as long, a tenth of all that is done for a chunk that is known.
        _set_path(self, path)
        _set_start(self, start)
        _set_stop(self, stop)
        _set_start_line(self, start_line)
        _set_end_line(self, end_line)
        _set_kind(self, kind)
        _set_name(self, name)
        _set_parents(self, parents)
        _set_digest(self, digest)
        _set_data(self, data)
        _set_language(self, language)

    def __len__(self) -> int:
        """Return the size in bytes."""
        return self.stop - self.start

    @property
    def references(self) -> References:
        """The imports and the names that the chunk uses, found out at each call by parsing it."""
        from perflab.chunk.references import references

        return references(self)


(
    _set_path,
    _set_start,
    _set_stop,
    _set_start_line,
    _set_end_line,
    _set_kind,
    _set_name,
    _set_parents,
    _set_digest,
    _set_data,
    _set_language,
) = (getattr(Chunk, field.name).__set__ for field in fields(Chunk))


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
