"""What the chunks of files say together: symbols and where they are, coverage, duplicates.

In: results of `index` and `analyze` over whole files. Out: an answer a file, or over all of them, with files' lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from perflab.chunk.chunk import Chunk
from perflab.chunk.operations.parsed import Facts
from perflab.chunk.processing.result import FileResult

__all__ = ["FileFacts", "Symbol", "analysis_of", "duplicates", "index_of"]


class Symbol(NamedTuple):
    """A definition: its qualified name, kind, file and first line there, and the chunk that it begins in."""

    name: str
    kind: str
    path: str
    line: int
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What `analyze` says of a whole file.

    Attributes
    ----------
    symbols
        The definitions, in the file's order.
    imports
        The import statements, in the file's order, each once.
    complexity
        Branches in all.
    documented_ratio
        Documented definitions / definitions that can be; None without any.
    """

    path: str
    symbols: tuple[Symbol, ...]
    imports: tuple[str, ...]
    complexity: int
    documented_ratio: float | None


def index_of(result: FileResult[dict[str, Facts]]) -> dict[str, Symbol]:
    """Return where each symbol of a file is, from its chunks' `index`; of equal names the first one counts.

    Examples
    --------
    >>> from perflab.chunk import OPERATIONS, process_file
    >>> from perflab.cache import MemoryCache
    >>> from perflab.parallel import Workers
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "m.py")
    >>> _ = path.write_text("import os\\n\\n\\ndef f():\\n    return os\\n")
    >>> result = process_file(path, OPERATIONS["index"], cache=MemoryCache(10_000), workers=Workers(1))
    >>> found = index_of(result)["f"]
    >>> found.line, found.chunk.start
    (4, 12)
    >>> folder.cleanup()
    """
    found: dict[str, Symbol] = {}
    for chunk, facts in _pairs(result):
        for name, entry in facts.items():
            found.setdefault(name, Symbol(name, entry["kind"], chunk.path, _line(chunk, entry), chunk))
    return found


def analysis_of(result: FileResult[Facts]) -> FileFacts:
    """Return what a file's chunks say together, from their `analyze`."""
    imports, complexity, judged, documented = dict[str, None](), 0, 0, 0.0
    for _, facts in _pairs(result):
        imports |= dict.fromkeys(facts["imports"])
        complexity += facts["complexity"]
        judged += facts["judged"]
        documented += facts["judged"] * (facts["documented_ratio"] or 0.0)
    symbols = tuple(symbol for symbol, _ in _symbols(result))
    ratio = round(documented) / judged if judged else None
    return FileFacts(result.path, symbols, tuple(imports), complexity, ratio)


def duplicates(results: Iterable[FileResult[Facts]]) -> list[tuple[Symbol, ...]]:
    """Return the definitions whose bodies are the same but for spaces, in groups, from the `analyze` of some files.

    Names do not count, nor do bodies below 40 bytes. The groups with the most members come first.
    """
    groups: defaultdict[str, list[Symbol]] = defaultdict(list)
    for result in results:
        for symbol, facts in _symbols(result):
            if facts["body"] is not None:
                groups[facts["body"]].append(symbol)
    found = [tuple(group) for group in groups.values() if len(group) > 1]
    return sorted(found, key=len, reverse=True)


def _symbols(result: FileResult[Facts]) -> Iterator[tuple[Symbol, Facts]]:
    for chunk, facts in _pairs(result):
        for entry in facts["symbols"]:
            yield Symbol(entry["name"], entry["kind"], chunk.path, _line(chunk, entry), chunk), entry


def _pairs(result: FileResult[Any]) -> Iterator[tuple[Chunk, Any]]:
    pairs = zip(result.chunks, result.results, strict=True)
    return ((chunk, facts) for chunk, facts in pairs if facts is not None)


def _line(chunk: Chunk, entry: Facts) -> int:
    line: int = entry["line"]
    return chunk.start_line - 1 + line
