"""Which files of a source tree the workloads read.

In: a folder, or nothing for the standard library of the running Python, a seed and a size. Out: a `Corpus` of files
with their features, and of what was skipped and why.
"""

from __future__ import annotations

import math
import random
import shutil
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from perflab.errors import SourceError
from perflab.workloads.discover import LANGUAGES, Skipped, SourceFile, discover, reason_to_skip, with_features
from perflab.workloads.inert import inert_prose

__all__ = [
    "Corpus",
    "copy_corpus",
    "read_source",
    "select",
]

MAX_FILE_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files to document, sorted by path. `name` is the tree's name, also in a copy; `package` is its import name."""

    root: Path
    name: str
    package: str | None
    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all files when they were selected."""
        return sum(file.nbytes for file in self.files)


def select(
    source: Path | None = None,
    *,
    seed: int = 2026,
    limit_bytes: int | None = None,
    max_bytes: int = MAX_FILE_BYTES,
    max_files: int | None = None,
    max_features: int | None = None,
) -> Corpus:
    """Return the files of a tree that the workloads read.

    Parameters
    ----------
    source
        A folder; `None` is the standard library of the running Python without its tests.
    seed
        Order in which features are taken until a bound is reached. The same seed gives the same files.
    limit_bytes
        Bound on the bytes of all files, `None` for the whole tree. At least one feature is taken.
    max_bytes
        Larger files are skipped.
    max_files, max_features
        Bounds on the files and on their features, `None` for none. Of a single feature with more files, so many are
        taken.

    Raises
    ------
    SourceError
        If the folder is missing, is no folder, or holds no readable source file.

    Examples
    --------
    >>> corpus = select(limit_bytes=50_000)
    >>> 0 < corpus.nbytes <= 50_000
    True
    """
    root = Path(sysconfig.get_path("stdlib")) if source is None else Path(source)
    root = _folder(root)
    found, skipped = discover(root, library=source is None)
    bounds = (limit_bytes, max_files, max_features)
    chosen = _subset(with_features(found), seed, [math.inf if bound is None else bound for bound in bounds])
    files: list[SourceFile] = []
    for file in chosen:
        reason = reason_to_skip(root, file, max_bytes)
        if reason is None:
            files.append(file)
        else:
            skipped.append(Skipped(inert_prose(file.path), reason))
    if not files:
        raise SourceError(_nothing_to_read(root, skipped))
    return Corpus(
        root=root,
        name=inert_prose(root.name) or "root",
        package=root.name if (root / "__init__.py").is_file() else None,
        files=tuple(sorted(files, key=lambda file: file.path)),
        skipped=tuple(sorted(skipped, key=lambda item: (item.path, item.reason))),
    )


def copy_corpus(corpus: Corpus, to: Path) -> Corpus:
    """Copy the files of a corpus below `to` and return the same corpus there, to be edited without harm.

    Raises
    ------
    SourceError
        If a file cannot be read or written.
    """
    for file in corpus.files:
        target = to / file.path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.absolute, target)
        except OSError as error:
            raise SourceError(f"{file.absolute} cannot be copied to {target}: {error.strerror}") from error
    moved = (replace(file, absolute=to / file.path) for file in corpus.files)
    return replace(corpus, root=to, files=tuple(moved))


def read_source(file: SourceFile) -> bytes:
    """Return a file's content.

    Raises
    ------
    SourceError
        If it cannot be read any more.
    """
    try:
        return file.absolute.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{file.absolute} cannot be read any more: {error.strerror}; select the files again"
        ) from error


def _folder(root: Path) -> Path:
    if not root.exists():
        raise SourceError(f"source {str(root)!r} does not exist; give a folder with source files")
    if not root.is_dir():
        raise SourceError(f"source {str(root)!r} is not a folder; give the folder that holds the source files")
    return root.resolve()


def _nothing_to_read(root: Path, skipped: list[Skipped]) -> str:
    why = f"; {len(skipped)} skipped, the first because {skipped[0].reason}" if skipped else ""
    kinds = ", ".join(LANGUAGES)
    return f"source {str(root)!r} holds no readable source file ({kinds}){why}; give a folder that does"


def _subset(files: list[SourceFile], seed: int, bounds: Sequence[float]) -> list[SourceFile]:
    """Take whole features in seeded order as long as they fit; of the smallest one what fits if none does."""
    features: dict[str, list[SourceFile]] = {}
    for file in files:
        features.setdefault(file.feature, []).append(file)
    order = sorted(features)
    random.Random(seed).shuffle(order)
    left = list(bounds)
    taken: set[str] = set()
    for feature in order:
        takes = (sum(file.nbytes for file in features[feature]), len(features[feature]), 1)
        if all(take <= room for take, room in zip(takes, left, strict=True)):
            taken.add(feature)
            left = [room - take for take, room in zip(takes, left, strict=True)]
    if taken or not files:
        return [file for file in files if file.feature in taken]
    smallest = min(features.values(), key=lambda found: (sum(file.nbytes for file in found), found[0].feature))
    return smallest[: int(min(bounds[1], len(smallest)))]
