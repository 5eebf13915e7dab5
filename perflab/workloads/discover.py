"""The source files below a folder, and the reasons not to read some of them.

In: a folder. Out: `SourceFile`s with the features that they belong to, and what is `Skipped`.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from perflab.workloads.inert import inert_prose, is_quotable

__all__ = ["LANGUAGES", "Skipped", "SourceFile", "discover", "reason_to_skip", "with_features"]

LANGUAGES: Final = {
    ".py": "python",
    ".ts": "typescript",
    ".tsx": "tsx",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".md": "markdown",
}


# Folders that hold no source of the project itself, in any tree.
_NOT_SOURCE = re.compile(r"\..*|__pycache__|node_modules|site-packages|dist-packages")
# Folders of the standard library that are tests, programs, data or the build's own; they would drown the rest.
_NOT_LIBRARY = re.compile(r"tests?|idlelib|turtledemo|lib2to3|pydoc_data|lib-dynload|config-\d.*")
# A flat folder with more modules than this is split into one feature a first letter.
_FLAT_MODULES: Final = 20
_OWN_DOCUMENT: Final = b"---\nid: DOC-"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to read. `path` is relative and posix; `feature` is the slug that its documents are named after."""

    path: str
    absolute: Path
    nbytes: int
    language: str
    feature: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file or folder that is not read. `path` is made harmless for documents; `reason` is half a sentence."""

    path: str
    reason: str


def discover(root: Path, *, library: bool) -> tuple[list[SourceFile], list[Skipped]]:
    """Return regular files of known languages and, apart, what lies in the way of reading them."""
    found: list[SourceFile] = []
    skipped: list[Skipped] = []

    def unreadable(error: OSError) -> None:
        path = os.path.relpath(error.filename, root)
        skipped.append(Skipped(inert_prose(path), f"the folder cannot be listed ({error.strerror})"))

    for folder, names, files in os.walk(root, onerror=unreadable):
        here = Path(folder)
        names[:] = sorted(name for name in names if not _NOT_SOURCE.fullmatch(name))
        if library:
            names[:] = [name for name in names if not _NOT_LIBRARY.fullmatch(name)]
        for name in names:
            if (here / name).is_symlink():
                relative = (here / name).relative_to(root).as_posix()
                skipped.append(Skipped(inert_prose(relative), "a link to a folder is not followed"))
        found.extend(_files(root, here, files))
    return found, skipped


def _files(root: Path, folder: Path, names: Iterable[str]) -> Iterator[SourceFile]:
    for name in names:
        language = LANGUAGES.get(PurePosixPath(name).suffix.lower())
        if language is None:
            continue
        absolute = folder / name
        try:
            nbytes = absolute.stat().st_size
        except OSError:
            nbytes = 0  # a dangling link or a vanished file: reading it will tell
        yield SourceFile(absolute.relative_to(root).as_posix(), absolute, nbytes, language, "")


def reason_to_skip(root: Path, file: SourceFile, max_bytes: int) -> str | None:
    if not is_quotable(file.path):
        return "its name has characters that a document cannot quote"
    try:
        if not file.absolute.resolve().is_relative_to(root):
            return "it is a link that leaves the folder"
        if not stat.S_ISREG(file.absolute.stat().st_mode):
            return "it is not a regular file"
        if file.nbytes > max_bytes:
            return f"its {file.nbytes} bytes are more than {max_bytes}"
        data = file.absolute.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        return f"it cannot be read ({getattr(error, 'strerror', None) or 'a loop of links'})"
    if data.startswith(_OWN_DOCUMENT):
        return "it is a document that perflab made"
    if b"\0" in data:
        return "it is binary"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 (byte {error.start})"
    return None


def with_features(files: list[SourceFile]) -> list[SourceFile]:
    """Name each file's feature: its folder below the folder that all files share, or its group of modules there."""
    shared = _shared_folder([PurePosixPath(file.path).parts[:-1] for file in files])
    flat = sum(len(PurePosixPath(file.path).parts) == shared + 1 for file in files)
    return [replace(file, feature=_feature(PurePosixPath(file.path).parts[shared:], flat)) for file in files]


def _shared_folder(folders: list[tuple[str, ...]]) -> int:
    """Return how many leading parts all folders share."""
    shared = 0
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared += 1
    return shared


def _feature(parts: tuple[str, ...], flat: int) -> str:
    if len(parts) > 1:
        return _slug(parts[0])
    return "modules" if flat <= _FLAT_MODULES else f"modules-{_slug(parts[0])[0]}"


def _slug(name: str) -> str:
    """Return lower-case letters, digits and single hyphens; names with none of them get a number of their own."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60].strip("-")
    return slug or f"x{zlib.crc32(os.fsencode(name)):08x}"
