"""One large module that holds the sources of many, as single-file distributions and generated clients are.

In: a corpus, a seed and a size. Out: a Python file below the corpus's folder.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from perflab.errors import SourceError
from perflab.workloads.corpus import Corpus, read_source
from perflab.workloads.folder import replace_file
from perflab.workloads.syntax import parse_python

__all__ = ["PATH", "amalgamate"]

PATH: Final = "amalgam/everything.py"


def amalgamate(corpus: Corpus, root: Path, nbytes: int, seed: int = 2026) -> Path:
    """Write the Python files of a corpus, one after the other, into one module of at most so many bytes.

    Files that must stand at the top of a module (`from __future__`) or that Python does not read are left out. The
    same corpus, seed and size give the same module.

    Parameters
    ----------
    corpus
        Where the sources come from.
    root
        Folder below which `amalgam/everything.py` is written.
    nbytes
        The most that the module may have.
    seed
        Chooses the files.

    Raises
    ------
    SourceError
        If no file of the corpus fits.
    """
    files = [file for file in corpus.files if file.language == "python"]
    random.Random(seed).shuffle(files)
    parts: list[bytes] = []
    room = nbytes
    for file in files:
        data = read_source(file).rstrip() + b"\n\n\n"
        if len(data) <= room and _may_stand_anywhere(data):
            parts.append(data)
            room -= len(data)
    if not parts:
        raise SourceError(f"no Python file of {str(corpus.root)!r} fits in {nbytes} bytes; allow more")
    target = root / PATH
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, b"".join(parts))
    return target


def _may_stand_anywhere(data: bytes) -> bool:
    # A mark or a cookie of an encoding counts at the top of a file alone.
    if b"from __future__" in data or data.startswith(b"\xef\xbb\xbf") or b"coding" in data[:200] or b"\r" in data:
        return False
    try:
        parse_python(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
