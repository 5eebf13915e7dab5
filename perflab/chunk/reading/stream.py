"""Chunks of files on disk, in memory that does not grow with the file.

In: a path. Out: chunks in order, or a `SourceError` that names what is wrong with the path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from perflab.chunk.chunk import Chunk, digest_of
from perflab.chunk.languages.grammar import language_of
from perflab.chunk.reading.headings import Headings
from perflab.chunk.reading.records import BLOCK_BYTES, Finder, Separators, pieces_of
from perflab.chunk.reading.source import Source, SourceLike, opened
from perflab.chunk.splitting.split import LEAST_BYTES, Note, Splitter
from perflab.chunk.text.encoding import UTF8, Encoding, encoding_of
from perflab.errors import ConfigError, SourceError

__all__ = ["At", "chunks", "confined", "stream", "tell_change"]

At = Literal["line", "section", "record"]
"""Where pieces of a stream may begin."""


def chunks(
    source: SourceLike,
    *,
    language: str | None = None,
    max_bytes: int = 2000,
    window_bytes: int = 524_288,
    timeout_s: float = 5.0,
    note: Note | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> Iterator[Chunk]:
    """Yield the chunks of a file, the same as `split` gives for its bytes.

    One window of the file and its syntax tree are in memory at a time. `source` is a path, an fsspec URL or an open
    binary file, such as a pipe; the other parameters are those of `split`; `timer` is a clock in seconds.

    Raises
    ------
    SourceError
        At the first chunk, if the file is missing, unreadable or no regular file.
    ConfigError
        If the language is unknown or a size is too small.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "m.py")
    >>> _ = path.write_bytes(b"def f():\\n    return 1\\n")
    >>> [chunk.name for chunk in chunks(path)]
    ['f']
    >>> folder.cleanup()
    """
    with opened(source) as opened_source:
        splitter = Splitter(
            opened_source.name,
            language,
            max_bytes=max_bytes,
            window_bytes=window_bytes,
            timeout_s=timeout_s,
            note=note,
            timer=timer,
        )
        yield from splitter.chunks(opened_source.read)
        tell_change(opened_source, note)


def stream(
    source: SourceLike,
    *,
    at: At | None = None,
    separator: bytes = b"\n",
    max_bytes: int = 65_536,
    note: Note | None = None,
) -> Iterator[Chunk]:
    """Yield a file, a pipe or a URL in pieces that begin at lines, records or sections, without a syntax tree.

    About two megabytes of it are in memory at a time, however long it or its lines are.

    Parameters
    ----------
    source
        A path, an fsspec URL such as `s3://bucket/key`, or an open binary file, such as `sys.stdin.buffer` or the
        output of a program.
    at
        `line`; `section`, which is a Markdown heading outside of code; `record`, which `separator` ends. By default
        sections for Markdown, else lines.
    separator
        What ends a record; it stays with it.
    max_bytes
        No piece is longer; at least 64. A line, record or section that is longer is cut, at worst between two
        characters.
    note
        Called with one sentence if a file changed while it was read.

    Raises
    ------
    SourceError
        At the first piece, if the source is missing, unreadable or a path of something else than a regular file.
    ConfigError
        If `at` is unknown, `separator` empty, or `max_bytes` below 64.

    Examples
    --------
    >>> import io
    >>> text = b"# One\\n\\nwords\\n\\n## Two\\n\\nmore words, so that each section fills a piece\\n"
    >>> [(piece.name, piece.start_line) for piece in stream(io.BytesIO(text), at="section", max_bytes=64)]
    [('One', 1), ('One / Two', 5)]
    """
    if max_bytes < LEAST_BYTES:
        raise ConfigError(f"max_bytes is {max_bytes}; a piece needs {LEAST_BYTES} bytes or more")
    with opened(source) as opened_source:
        head = opened_source.read(BLOCK_BYTES)
        encoding = encoding_of(head)
        finder = _finder(at or _usual(opened_source.name), separator, encoding)
        place = _Place(opened_source.name, finder, encoding)
        for piece in pieces_of(opened_source.read, finder, max_bytes, encoding, head):
            yield place.chunk(piece)
        tell_change(opened_source, note)


def tell_change(source: Source, note: Note | None) -> None:
    """Say that a file changed while it was read, if it did and somebody listens."""
    change = source.change()
    if change is not None and note is not None:
        note(change)


def _usual(name: str) -> At:
    return "section" if language_of(name) == "markdown" else "line"


def _finder(at: str, separator: bytes, encoding: Encoding) -> Finder:
    if at not in ("line", "section", "record"):
        raise ConfigError(f"at is {at!r}; it must be 'line', 'section' or 'record'")
    if not separator:
        raise ConfigError("separator is empty; name the bytes that end a record, such as b'\\n'")
    if at == "section" and encoding is UTF8:
        return Headings()
    return Separators(separator) if at == "record" else Separators(encoding.newline, encoding.unit)


@dataclass(slots=True)
class _Place:
    """How far a stream has been cut."""

    path: str
    finder: Finder
    encoding: Encoding
    start: int = 0
    line: int = 1

    def chunk(self, data: bytes) -> Chunk:
        """Return the next piece as a chunk, and move on behind it."""
        start, line, language, name = self.start, self.line, None, ""
        parents: tuple[str, ...] = ()
        kind = "binary" if self.encoding.name == "binary" else "text"
        if isinstance(self.finder, Headings):
            language = "markdown"
            section = self.finder.at(start)
            kind, parents = "statements", () if section is None else section.path
            if section is not None and section.start == start:
                kind, name, parents = "heading", _SEPARATOR.join(parents), parents[:-1]
        feeds = self.encoding.lines(data)
        self.start, self.line = start + len(data), line + feeds
        end_line = line + feeds - data.endswith(self.encoding.newline)
        digest = digest_of(data)
        return Chunk(self.path, start, self.start, line, end_line, kind, name, parents, digest, data, language)


_SEPARATOR = " / "


def confined(path: str | PurePath, root: str | PurePath) -> Path:
    """Return the resolved path if it lies inside a folder, symbolic links followed.

    Parameters
    ----------
    path
        Absolute, or relative to `root`.
    root
        The folder.

    Raises
    ------
    SourceError
        If the path has `..` or a NUL in it, or ends up outside the folder, by a link for example.

    Examples
    --------
    >>> confined("pkg/m.py", "/srv/code").as_posix()
    '/srv/code/pkg/m.py'
    """
    shown, folder = repr(str(path)), repr(str(root))
    if "\0" in str(path):
        raise SourceError(f"{shown} has a NUL in it; name a file inside {folder}")
    if ".." in PurePath(path).parts:
        raise SourceError(f"{shown} has '..' in it; name a file inside {folder} without it")
    try:
        base = Path(root).resolve()
        resolved = (base / path).resolve()
    except (OSError, RuntimeError) as error:
        raise SourceError(f"{shown} cannot be followed: {error}; name a file inside {folder}") from error
    if not resolved.is_relative_to(base):
        raise SourceError(f"{shown} lies outside {folder}, at {str(resolved)!r}; name a file inside it")
    return resolved
