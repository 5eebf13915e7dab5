"""The documents of a folder, as they are read from it.

In: a folder. Out: the paths of its documents, their bytes, and what each states.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from perflab.errors import SourceError
from perflab.workloads.crossvalidate.statements import Statements, state
from perflab.workloads.document import parse

__all__ = ["MAX_BYTES", "content_digest", "decoded", "document_paths", "read", "statements"]

MAX_BYTES = 64_000_000
"""A larger file is refused: it is no document, and it would be held in memory."""


def document_paths(folder: Path) -> list[str]:
    """Return the paths of all `.md` files below a folder, relative and posix, sorted; links are not followed.

    Raises
    ------
    SourceError
        If the folder is missing, cannot be listed or holds no document.
    """
    if not folder.is_dir():
        raise SourceError(f"documents folder {str(folder)!r} is not a folder; create the documents first")
    paths = sorted(_walk(folder))
    if not paths:
        raise SourceError(f"documents folder {str(folder)!r} holds no .md file; create the documents first")
    return paths


def read(folder: Path, path: str) -> bytes:
    """Return the bytes of one document.

    Raises
    ------
    SourceError
        If it is no regular file, is too large or cannot be read.
    """
    file = folder / path
    try:
        facts = file.lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise SourceError(f"document {path!r} is not a regular file; remove it from the documents folder")
        if facts.st_size > MAX_BYTES:
            raise SourceError(f"document {path!r} has {facts.st_size} bytes; {MAX_BYTES} are allowed, split it")
        return file.read_bytes()
    except OSError as error:
        raise SourceError(f"document {path!r} cannot be read: {error.strerror}; make it readable") from error


def decoded(path: str, data: bytes) -> str:
    """Return the text of one document.

    Raises
    ------
    SourceError
        If it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"document {path!r} is not valid UTF-8 at byte {error.start}; save it as UTF-8"
        raise SourceError(message) from error


def statements(path: str, data: bytes) -> Statements:
    """Return what a document states.

    Raises
    ------
    SourceError
        If it is not UTF-8, or its front matter is malformed.
    """
    return state(parse(decoded(path, data), path))


def content_digest(path: str, data: bytes) -> str:
    """Return the hash of a document's path and bytes: findings name the path, so a moved copy is another document."""
    return hashlib.sha256(b"%d:%b%b" % (len(os.fsencode(path)), os.fsencode(path), data)).hexdigest()


def _walk(folder: Path) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        message = f"folder {error.filename!r} cannot be listed: {error.strerror}; make it readable"
        raise SourceError(message) from error

    for here, _, names in os.walk(folder, onerror=refuse):
        for name in names:
            if name.endswith(".md"):
                yield (Path(here) / name).relative_to(folder).as_posix()
