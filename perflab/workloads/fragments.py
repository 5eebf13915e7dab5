"""Facts of a large Python file, chunk by chunk.

In: a file's chunks and what each of them says, found out in workers. Out: the facts that the file as a whole has, or
None where the chunks do not tell them for certain.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from perflab.chunk import Chunk
from perflab.workloads.assembly import Assembly
from perflab.workloads.facts import module_of, packed, sizes
from perflab.workloads.factsheet import FileFacts, Fragment
from perflab.workloads.syntax import fragment_of, parse_python

__all__ = ["fragment_facts", "fragment_text", "merged"]

_CODE = re.compile(r"^[ \t\f]*[^ \t\f\r\n#]", re.MULTILINE)

# Python ends a line at a lone carriage return, chunks do not. A backslash may join a chunk's last line to the next
# chunk's first one. Python refuses a hundred levels of indentation, of which a chunk may show fewer than its file has.
_UNSURE = re.compile(rb"\r(?!\n)|\\\r?\n\Z|^[ \t\f]{80}", re.MULTILINE)


_BEFORE = 8
"""Chunks that are looked at again, at the most, for a part that says nothing alone."""


def fragment_facts(path: str, chunk: Chunk) -> Fragment | None:
    """Return what one chunk of a Python file says, or None if it does not consist of whole statements.

    Parameters
    ----------
    path
        The file's path relative to its tree, which names the module.
    chunk
        The chunk; its `parents` are taken for classes.

    Examples
    --------
    >>> from perflab.chunk import split
    >>> fragment = fragment_facts("m.py", split(b"import os\\nos.sep\\n", path="m.py")[0])
    >>> fragment["bound"], fragment["attributes"], fragment["end_line"]
    ({'os': 'os'}, {'os': ['sep']}, 2)
    """
    if _UNSURE.search(chunk.data):
        return None
    try:
        # As bytes, a cookie in the chunk's first two lines would count, wherever the chunk stands.
        text = chunk.data.decode("utf-8-sig")
        outer = chunk.parents if _CODE.search(text) else ()
        return _members(text, path, outer) if outer else _statements(text, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def fragment_text(path: str, chunk: Chunk) -> bytes:
    """Return what one chunk says, packed."""
    return packed(fragment_facts(path, chunk))


def merged(path: str, data: bytes, chunks: Sequence[Chunk], fragments: Sequence[Fragment | None]) -> FileFacts | None:
    """Return the facts of a Python file from its chunks; they equal those of `file_facts`.

    Parameters
    ----------
    path
        The file's path relative to its tree.
    data
        The file's content.
    chunks
        Its chunks; their bytes, put together, are `data`.
    fragments
        What `fragment_facts` says of each of them.

    Returns
    -------
    FileFacts or None
        None if a function or a block other than a class's was cut, or the encoding is not UTF-8: then the file must be
        looked at as a whole. Neighbouring chunks that cut a statement or a line are looked at together, here.
    """
    whole = Assembly()
    if not _is_utf8(data) or any(chunk.data.startswith(BOM_UTF8) for chunk in chunks[1:]):
        return None
    for chunk, fragment in _rejoined(path, chunks, fragments):
        if fragment is None or not whole.add(fragment, ".".join(chunk.parents), chunk.start_line - 1):
            return None
    return whole.filled(sizes(path, data))


def _statements(text: str, path: str) -> Fragment:
    tree = parse_python(text)
    return {**fragment_of(tree, path, module_of(path)), "opened": dict(_opened(tree, "", text.split("\n")))}


def _members(text: str, path: str, outer: tuple[str, ...]) -> Fragment | None:
    """Return what the members of a class say, parsed inside one that stands for theirs."""
    text = f"class _:\n{text}"
    lines = text.split("\n")
    match parse_python(text).body:
        case [ast.ClassDef() as envelope] if (indent := _indent(envelope.body[0], lines)) is not None:
            fragment = fragment_of(envelope, path, module_of(path), outer)
        case _:
            return None
    for symbol in fragment["symbols"]:
        symbol["line"] -= 1
    opened = dict(_opened(envelope, ".".join(outer), lines))
    return {**fragment, "indent": indent, "end_line": fragment["end_line"] - 1, "opened": opened}


def _opened(block: ast.Module | ast.ClassDef, name: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the qualified names of the classes that the last statements of a block are in, and their indentation."""
    node = _last_inside(block)
    while node is not None:
        if isinstance(node, ast.ClassDef):
            name = f"{name}.{node.name}" if name else node.name
            indent = _indent(node.body[0], lines)
            if indent is None:
                return
            yield name, indent
        node = _last_inside(node)


def _last_inside(node: ast.AST) -> ast.AST | None:
    """Return the last statement inside another; None if it holds none, or none that could define a class's member."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    blocks = (getattr(node, name, None) for name in ("finalbody", "orelse", "handlers", "body"))
    return next((block[-1] for block in blocks if block), None)


def _indent(first: ast.stmt, lines: list[str]) -> str | None:
    """Return the white space that a block's first statement begins a line with; None if it does not begin one."""
    before = lines[first.lineno - 1][: first.col_offset]
    continued = lines[first.lineno - 2].rstrip("\r").endswith("\\")
    return None if before.strip(" \t\f") or continued else before


def _is_utf8(data: bytes) -> bool:
    """Tell whether Python reads a file as UTF-8, as far as its mark and its cookie say."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        return False
    return encoding in ("utf-8", "utf-8-sig")


def _rejoined(
    path: str, chunks: Sequence[Chunk], fragments: Sequence[Fragment | None]
) -> list[tuple[Chunk, Fragment | None]]:
    """Return chunks with their fragments; neighbours that say nothing, or that share a line, as one chunk.

    The first part of a function that was cut may say something all the same: then the rest of it says nothing, and
    is looked at with what stands before.
    """
    cut = [False, *(not chunk.data.endswith(b"\n") for chunk in chunks[:-1]), False]
    silent = [fragment is None or cut[at] or cut[at + 1] for at, fragment in enumerate(fragments)]
    told: list[tuple[Chunk, Fragment | None]] = []
    at = 0
    for is_silent, members in groupby(silent):
        stop = at + len(list(members))
        if is_silent:
            told.append(_together(path, told, _joined(chunks[at:stop])))
        else:
            told += zip(chunks[at:stop], fragments[at:stop], strict=True)
        at = stop
    return told


def _together(path: str, told: list[tuple[Chunk, Fragment | None]], chunk: Chunk) -> tuple[Chunk, Fragment | None]:
    """Return a chunk with what it says, with as many of those before it as that takes; these leave `told`."""
    fragment = fragment_facts(path, chunk)
    for _ in range(min(_BEFORE, len(told))):
        if fragment is not None:
            break
        chunk = _joined([told.pop()[0], chunk])
        fragment = fragment_facts(path, chunk)
    return chunk, fragment


def _joined(run: Sequence[Chunk]) -> Chunk:
    return replace(run[0], stop=run[-1].stop, end_line=run[-1].end_line, data=b"".join(chunk.data for chunk in run))
