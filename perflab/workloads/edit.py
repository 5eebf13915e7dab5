"""One change to a source tree, as an edit between two runs makes it.

In: a folder that may be changed, a kind of edit and a seed. Out: a body with one statement more, a function of another
name, a file more, or a file less.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from perflab.errors import SourceError
from perflab.workloads.folder import replace_file
from perflab.workloads.syntax import parse_python

__all__ = ["EDITS", "Edit", "add_file", "delete_file", "edit_one_function", "rename_one_function"]


@dataclass(frozen=True, slots=True)
class Edit:
    """What was changed: a file, a function in it, and the line from 1; a whole file has no function and line 0."""

    path: str
    function: str
    line: int


def edit_one_function(root: Path, seed: int = 2026) -> Edit:
    """Insert a statement into the body of one Python function below a folder.

    Parameters
    ----------
    root
        A copy of a corpus (`copy_corpus`); the file is changed in place.
    seed
        Chooses file and function, and is the value in the statement. The same seed and tree give the same edit.

    Raises
    ------
    SourceError
        If no Python file below the folder has a function whose body stands on lines of its own.
    """
    for path, data, function in _candidates(root, random.Random(seed)):
        line, edited = _with_statement(data, function, seed)
        if _parsed(edited) is not None:
            replace_file(path, edited)
            return Edit(path.relative_to(root).as_posix(), function.name, line)
    raise SourceError(f"{str(root)!r} has no Python function to edit; give a copy of a tree that has one")


def rename_one_function(root: Path, seed: int = 2026) -> Edit:
    """Give one top-level function another name, wherever its own file says it.

    Raises
    ------
    SourceError
        As `edit_one_function`.
    """
    for path, data, function in _candidates(root, random.Random(seed)):
        old, new = function.name.encode(), b"%b_%d" % (function.name.encode(), seed)
        edited = re.sub(rb"\b%b\b" % re.escape(old), new, data)
        if function.col_offset == 0 and _parsed(edited) is not None:
            replace_file(path, edited)
            return Edit(path.relative_to(root).as_posix(), function.name, function.lineno)
    raise SourceError(f"{str(root)!r} has no Python function to rename; give a copy of a tree that has one")


def add_file(root: Path, seed: int = 2026) -> Edit:
    """Write a module of one function beside another one.

    Raises
    ------
    SourceError
        If no Python file is below the folder.
    """
    beside = random.Random(seed).choice(_modules(root))
    path = beside.with_name(f"added_{seed}.py")
    replace_file(path, b'"""An added module."""\n\n\ndef added():\n    """Return a number."""\n    return %d\n' % seed)
    return Edit(path.relative_to(root).as_posix(), "", 0)


def delete_file(root: Path, seed: int = 2026) -> Edit:
    """Remove one module whose folder holds others.

    Raises
    ------
    SourceError
        If no Python file below the folder stands beside another one.
    """
    modules = _modules(root)
    several = [path for path in modules if sum(other.parent == path.parent for other in modules) > 1]
    if not several:
        raise SourceError(f"{str(root)!r} has no folder with two Python files; give a copy of a tree that has one")
    path = random.Random(seed).choice(several)
    path.unlink()
    return Edit(path.relative_to(root).as_posix(), "", 0)


EDITS: Mapping[str, Callable[[Path, int], Edit]] = {
    "one body": edit_one_function,
    "a rename": rename_one_function,
    "a new file": add_file,
    "a deleted file": delete_file,
}
"""Every kind of edit by its name."""


def _modules(root: Path) -> list[Path]:
    paths = sorted(path for path in root.rglob("*.py") if path.is_file())
    if not paths:
        raise SourceError(f"{str(root)!r} has no Python file to edit; give a copy of a tree that has one")
    return paths


def _candidates(root: Path, choice: random.Random) -> Iterator[tuple[Path, bytes, ast.FunctionDef]]:
    """Yield functions in seeded order, with their file and its content."""
    paths = sorted(path for path in root.rglob("*.py") if path.is_file())
    choice.shuffle(paths)
    for path in paths:
        data = path.read_bytes()
        functions = _functions(data)
        choice.shuffle(functions)
        for function in functions:
            yield path, data, function


def _functions(data: bytes) -> list[ast.FunctionDef]:
    """Return the functions that end in a statement on a line of its own."""
    tree = _parsed(data)
    if tree is None or data.count(b"\r") != data.count(b"\r\n"):  # Python ends a line at a lone \r, others do not
        return []
    lines = data.split(b"\n")
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [node for node in found if _stands_alone(node.body[-1], lines)]


def _stands_alone(last: ast.stmt, lines: list[bytes]) -> bool:
    """Tell whether a statement can have another one before it; before a docstring, it would be none any more."""
    is_text = isinstance(last, ast.Expr) and isinstance(last.value, ast.Constant)
    return not is_text and not lines[last.lineno - 1][: last.col_offset].strip()


def _parsed(data: bytes) -> ast.Module | None:
    try:
        return parse_python(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _with_statement(data: bytes, function: ast.FunctionDef, seed: int) -> tuple[int, bytes]:
    """Return the content with one statement before the function's last one, and the statement's line."""
    last = function.body[-1]
    decorators = getattr(last, "decorator_list", [])
    line = min([last.lineno, *(decorator.lineno for decorator in decorators)])
    lines = data.split(b"\n")
    indent = lines[last.lineno - 1][: last.col_offset]
    ending = b"\r" if lines[line - 1].endswith(b"\r") else b""
    lines.insert(line - 1, indent + b"edited = %d" % seed + ending)
    return line, b"\n".join(lines)
