"""What a set of files consisted of, so that the next run finds what changed.

In: paths. Out: a `Manifest` that goes to JSON and back, and the difference of two.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from types import MappingProxyType

import xxhash

from perflab.chunk.chunk import Chunk
from perflab.chunk.grammar import chunker_version
from perflab.chunk.source import SourceLike, open_source, opened
from perflab.chunk.stream import chunks
from perflab.errors import SourceError

__all__ = ["FileEntry", "Manifest", "ManifestDifference", "compare", "content_digest", "take_manifest"]

_FORMAT = 1
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: its path, size in bytes, modification time, digest of all its bytes, digests of its chunks."""

    path: str
    size: int
    mtime_ns: int
    digest: str
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files by path, and what their chunks' borders depended on: chunker and size limits."""

    chunker: str
    files: Mapping[str, FileEntry]

    def to_json(self) -> str:
        """Return the manifest as JSON text."""
        files = [asdict(entry) for entry in self.files.values()]
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
            entries = [FileEntry(**{**entry, "chunks": tuple(entry["chunks"])}) for entry in stored["files"]]
            return cls(str(stored["chunker"]), MappingProxyType({entry.path: entry for entry in entries}))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"the text is no manifest ({error!r}); take a new one") from error


@dataclass(frozen=True, slots=True)
class ManifestDifference:
    """Paths by what happened to them, and how many chunks' contents came, went and stayed."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    chunks_added: int
    chunks_removed: int
    chunks_unchanged: int


def take_manifest(
    paths: Iterable[str | PurePath],
    *,
    previous: Manifest | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
) -> Manifest:
    """Read files and note what they consist of.

    A file whose content has the digest that it had in `previous` is not cut again. Its modification time does not
    count: it can stay the same through an edit, and change without one.

    Raises
    ------
    SourceError
        If a file is missing, unreadable or no regular file.
    """
    chunker = f"{chunker_version()} max_bytes={max_bytes} window_bytes={window_bytes}"
    known = previous.files if previous is not None and previous.chunker == chunker else {}
    files = {}
    for path in map(str, paths):
        size, mtime_ns, digest = _content(path)
        entry = known.get(path)
        if entry is not None and entry.digest == digest:
            files[path] = FileEntry(path, size, mtime_ns, digest, entry.chunks)
        else:
            cut = chunks(path, max_bytes=max_bytes, window_bytes=window_bytes, timeout_s=timeout_s)
            files[path] = _entry(path, mtime_ns, cut)
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
    >>> entry = FileEntry("a", 1, 0, "00", ("00",))
    >>> compare(Manifest("c", {}), Manifest("c", {"a": entry})).added
    ('a',)
    """
    old, new = before.files, after.files
    both = [path for path in old if path in new]
    old_chunks, new_chunks = _count(old), _count(new)
    return ManifestDifference(
        added=tuple(path for path in new if path not in old),
        removed=tuple(path for path in old if path not in new),
        changed=tuple(path for path in both if old[path].digest != new[path].digest),
        unchanged=tuple(path for path in both if old[path].digest == new[path].digest),
        chunks_added=(new_chunks - old_chunks).total(),
        chunks_removed=(old_chunks - new_chunks).total(),
        chunks_unchanged=(old_chunks & new_chunks).total(),
    )


def _entry(path: str, mtime_ns: int, cut: Iterable[Chunk]) -> FileEntry:
    """Digest the very bytes that are cut, so that both agree even if the file is being written."""
    state = xxhash.xxh3_128()
    size, digests = 0, []
    for chunk in cut:
        state.update(chunk.data)
        size += len(chunk)
        digests.append(chunk.digest)
    return FileEntry(path, size, mtime_ns, str(state.hexdigest()), tuple(digests))


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


def _count(files: Mapping[str, FileEntry]) -> Counter[str]:
    return Counter(digest for entry in files.values() for digest in entry.chunks)
