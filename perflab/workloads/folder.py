"""The folder that documents are written to.

In: texts by path. Out: files, each replaced as a whole, and nothing left of documents that are not made any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from perflab.errors import SourceError
from perflab.workloads.document import carries_front_matter

__all__ = ["output_digest", "prepare", "read_document", "remove_stale", "replace_file", "write_document"]


def prepare(folder: Path, paths: Iterable[str]) -> None:
    """Create the folder, and refuse it if a document would replace a file that perflab did not make.

    Raises
    ------
    SourceError
        If the folder cannot be created, or holds a foreign file where a document belongs.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(
            f"output folder {str(folder)!r} cannot be created: {error.strerror}; choose another"
        ) from error
    for path in paths:
        target = folder / path
        if target.exists() and not _is_ours(target):
            raise SourceError(f"{str(target)!r} is not one of perflab's documents; choose another output folder")


def read_document(folder: Path, path: str) -> str | None:
    """Return the text of a document that is there, or None."""
    try:
        return (folder / path).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None


def write_document(folder: Path, path: str, text: str) -> None:
    """Write one document: the file is the old one or the new one at every moment, never a part of one.

    Raises
    ------
    SourceError
        If it cannot be written.
    """
    target = folder / path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, text.encode())
    except OSError as error:
        raise SourceError(f"{str(target)!r} cannot be written: {error.strerror}; choose another folder") from error


def replace_file(target: Path, data: bytes) -> None:
    """Give a file a new content at once, through a temporary file beside it."""
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def remove_stale(folder: Path, paths: Iterable[str]) -> list[str]:
    """Remove documents of a former run that are not among `paths`; files that perflab did not make stay."""
    kept = set(paths)
    removed = [path for path in _documents(folder) if path not in kept and _is_ours(folder / path)]
    for path in removed:
        (folder / path).unlink()
        with contextlib.suppress(OSError):  # the feature's folder still holds something
            (folder / path).parent.rmdir()
    return removed


def output_digest(texts: Mapping[str, str]) -> str:
    """Return one digest of all documents, by sorted path and content.

    Examples
    --------
    >>> output_digest({"a.md": "1", "b.md": "2"}) == output_digest({"b.md": "2", "a.md": "1"})
    True
    """
    digest = hashlib.sha256()
    for path in sorted(texts):
        data = texts[path].encode()
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    return f"sha256:{digest.hexdigest()}"


def _documents(folder: Path) -> Iterator[str]:
    for pattern in ("index.md", "steering/*.md", "specs/*/*.md"):
        for path in sorted(folder.glob(pattern)):
            yield path.relative_to(folder).as_posix()


def _is_ours(path: Path) -> bool:
    try:
        return path.is_file() and carries_front_matter(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
