"""What a set of files consisted of, so that the next run finds what changed.

In: paths. Out: a `Manifest` that goes to JSON and back, and the difference of two.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import xxhash

from perflab.chunk.chunk import Piece, digest_of
from perflab.chunk.edits.layout import Layout, lay_out
from perflab.chunk.edits.moves import Place, moves
from perflab.chunk.languages.grammar import chunker_version
from perflab.chunk.reading.source import SourceLike, open_source, opened
from perflab.chunk.splitting.section import Section
from perflab.chunk.splitting.sections import Sectioning
from perflab.chunk.splitting.split import Splitter
from perflab.chunk.text.encoding import encoding_named
from perflab.errors import SourceError

__all__ = ["FileEntry", "Manifest", "ManifestDifference", "compare", "content_digest", "take_manifest"]

_FORMAT = 2
_BLOCK_BYTES = 1 << 20
_HELD_BYTES = 64 << 20  # a larger file is cut as it is read, all of it, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: its path, size in bytes, modification time, digest of all its bytes, encoding, and its sections."""

    path: str
    size: int
    mtime_ns: int
    digest: str
    encoding: str = "utf-8"
    sections: tuple[Section, ...] = ()

    @property
    def chunks(self) -> tuple[str, ...]:
        """The digests of its chunks, in order."""
        return tuple(piece.digest for section in self.sections for piece in section.pieces)

    @property
    def places(self) -> tuple[Place, ...]:
        """Its chunks, each with where it lies."""
        at, found = 0, []
        for section in self.sections:
            for piece in section.pieces:
                found.append(Place(self.path, at, piece.name, piece.digest))
                at += piece.nbytes
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files by path, and what their chunks' borders depended on: chunker and size limits."""

    chunker: str
    files: Mapping[str, FileEntry]

    def to_json(self) -> str:
        """Return the manifest as JSON text."""
        files = [_to_plain(entry) for entry in self.files.values()]
        return json.dumps({"format": _FORMAT, "chunker": self.chunker, "files": files})

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest that `to_json` wrote.

        Raises
        ------
        SourceError
            If the text is something else.
        """
        try:
            stored = json.loads(text)
            if stored["format"] != _FORMAT:
                raise SourceError(f"the manifest has format {stored['format']!r}; {_FORMAT} is allowed; take a new one")
            entries = [_from_plain(entry) for entry in stored["files"]]
            return cls(str(stored["chunker"]), MappingProxyType({entry.path: entry for entry in entries}))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"the text is no manifest ({error!r}); take a new one") from error


@dataclass(frozen=True, slots=True)
class ManifestDifference:
    """What happened between two manifests.

    Attributes
    ----------
    added, removed, changed, unchanged
        Paths of files.
    chunks_added, chunks_removed, chunks_unchanged
        How many chunks' contents came, went and stayed; those that stayed may have moved.
    moved
        Chunks whose content is in another file now, or behind others than before: old and new place.
    deleted
        Where chunks were whose content is nowhere any more.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    chunks_added: int
    chunks_removed: int
    chunks_unchanged: int
    moved: tuple[tuple[Place, Place], ...] = ()
    deleted: tuple[Place, ...] = ()


def take_manifest(
    paths: Iterable[str | PurePath],
    *,
    previous: Manifest | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
) -> Manifest:
    """Read files and note what they consist of.

    A file whose content has the digest that it had in `previous` is not cut again, and of one that was edited only
    the sections that the edit touched are. Its modification time does not count: it can stay the same through an edit,
    and change without one.

    Raises
    ------
    SourceError
        If a file is missing, unreadable or no regular file.
    """
    chunker = f"{chunker_version()} max_bytes={max_bytes} window_bytes={window_bytes}"
    known = previous.files if previous is not None and previous.chunker == chunker else {}
    files = {}
    for path in map(str, paths):
        splitter = Splitter(path, None, max_bytes, window_bytes, timeout_s, None)
        files[path] = _entry(path, splitter, known.get(path))
    return Manifest(chunker, MappingProxyType(files))


def content_digest(source: SourceLike) -> str:
    """Return the digest of all bytes of a file or URL, the same as a chunk of them would have.

    Raises
    ------
    SourceError
        If the file is missing, unreadable or no regular file.
    """
    state = xxhash.xxh3_128()
    with opened(source) as opened_source:
        while block := opened_source.read(_BLOCK_BYTES):
            state.update(block)
    return str(state.hexdigest())


def compare(before: Manifest, after: Manifest) -> ManifestDifference:
    """Return what happened to files and chunks between two manifests; contents decide, never times.

    Examples
    --------
    >>> entry = FileEntry("a", 1, 0, "00")
    >>> compare(Manifest("c", {}), Manifest("c", {"a": entry})).added
    ('a',)
    """
    old, new = before.files, after.files
    both = [path for path in old if path in new]
    changed = tuple(path for path in both if old[path].digest != new[path].digest)
    added = tuple(path for path in new if path not in old)
    removed = tuple(path for path in old if path not in new)
    pairs = [(old[path].places, new[path].places) for path in changed]
    pairs += [((), new[path].places) for path in added] + [(old[path].places, ()) for path in removed]
    moved, deleted, fresh = moves(pairs)
    return ManifestDifference(
        added=added,
        removed=removed,
        changed=changed,
        unchanged=tuple(path for path in both if old[path].digest == new[path].digest),
        chunks_added=len(fresh),
        chunks_removed=len(deleted),
        chunks_unchanged=sum(len(entry.chunks) for entry in new.values()) - len(fresh),
        moved=moved,
        deleted=deleted,
    )


def _entry(path: str, splitter: Splitter, known: FileEntry | None) -> FileEntry:
    """Return what a file consists of; the bytes that are digested are those that are cut, whoever writes meanwhile."""
    with open_source(path) as file:
        status = os.fstat(file.fileno())
        if status.st_size > _HELD_BYTES:
            return _streamed(path, splitter, known)
        data = file.read(_HELD_BYTES + 1)
    if len(data) > _HELD_BYTES:  # it grew
        return _streamed(path, splitter, known)
    digest = digest_of(data)
    if known is not None and known.digest == digest:
        return FileEntry(path, len(data), status.st_mtime_ns, digest, known.encoding, known.sections)
    layout = lay_out(data, splitter) if known is None else _layout(known, splitter).after(data)
    return FileEntry(path, len(data), status.st_mtime_ns, digest, layout.sectioning.encoding.name, layout.sections)


def _streamed(path: str, splitter: Splitter, known: FileEntry | None) -> FileEntry:
    """Return what a file consists of, in memory that does not grow with its size."""
    size, mtime_ns, digest = _content(path)
    if known is not None and known.digest == digest:
        return FileEntry(path, size, mtime_ns, digest, known.encoding, known.sections)
    state = xxhash.xxh3_128()
    sections: list[Section] = []
    encoding = "utf-8"
    with open_source(path) as file:
        for window in splitter.windows(file.read):
            state.update(window.data)
            encoding = window.encoding.name
            sections += splitter.sections(window)
    size = sum(section.nbytes for section in sections)
    return FileEntry(path, size, mtime_ns, str(state.hexdigest()), encoding, tuple(sections))


def _layout(entry: FileEntry, splitter: Splitter) -> Layout:
    encoding = encoding_named(entry.encoding)
    grammar = splitter.grammar if encoding.name == "utf-8" else None
    return Layout(splitter, Sectioning(encoding, grammar, splitter.window_bytes), entry.sections)


def _to_plain(entry: FileEntry) -> dict[str, Any]:
    sections = [
        (section.nbytes, section.feeds, section.digest, section.pieces, section.inside_line, section.in_time)
        for section in entry.sections
    ]
    names = ("path", "size", "mtime_ns", "digest", "encoding")
    return {**{name: getattr(entry, name) for name in names}, "sections": sections}


def _from_plain(stored: dict[str, Any]) -> FileEntry:
    sections = tuple(
        Section(nbytes, feeds, digest, tuple(map(_piece, pieces)), inside_line, in_time)
        for nbytes, feeds, digest, pieces, inside_line, in_time in stored["sections"]
    )
    encoding_named(stored["encoding"])
    return FileEntry(**{**stored, "sections": sections})


def _piece(stored: list[Any]) -> Piece:
    nbytes, feeds, ended, kind, name, parents, digest, language = stored
    return Piece(nbytes, feeds, ended, kind, name, tuple(parents), digest, language)


def _content(path: str | PurePath) -> tuple[int, int, str]:
    """Return a file's size and modification time as of its opening, and the digest of what was read."""
    state = xxhash.xxh3_128()
    size = 0
    with open_source(path) as file:
        mtime_ns = os.fstat(file.fileno()).st_mtime_ns
        while block := file.read(_BLOCK_BYTES):
            state.update(block)
            size += len(block)
    return size, mtime_ns, str(state.hexdigest())
