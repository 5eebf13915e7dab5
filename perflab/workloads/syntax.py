"""What Python code says, from its syntax tree.

In: facts with the sizes filled in and the file's bytes, or the syntax tree of a part. Out: the same facts with symbols,
imports and constants, or a `Fragment`.
"""

from __future__ import annotations

import ast
import math
import threading
import warnings
from collections.abc import Iterator

from perflab.workloads.assembly import Assembly
from perflab.workloads.factsheet import Constant, FileFacts, Fragment, Symbol
from perflab.workloads.imports import imported
from perflab.workloads.inert import inert_code, inert_prose

__all__ = ["complexity", "fill", "fragment_of", "parse_python"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef

# Nodes that add one path; `and`/`or` add one for each further operand.
_BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.ExceptHandler,
    ast.Assert,
    ast.comprehension,
    ast.match_case,
)
_SPECIAL_PUBLIC = frozenset({"__init__", "__call__"})
_MAX_CONSTANT = 80
# Numbers beyond it do not survive a trip through JSON or a float.
_MAX_NUMBER = 2**53

# `warnings.catch_warnings` swaps a list of the whole process: two threads in it could swap it for good.
_PARSING = threading.Lock()


def parse_python(data: bytes | str) -> ast.Module:
    """Return the syntax tree of foreign code without its warnings.

    Raises
    ------
    SyntaxError, ValueError, RecursionError, MemoryError
        As `ast.parse` does.
    """
    with _PARSING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def complexity(node: ast.AST) -> int:
    """Return the number of paths through a function, nested ones included.

    Examples
    --------
    >>> complexity(ast.parse("def f(a, b):\\n    if a and b:\\n        return [c for c in a if c]"))
    4
    """
    paths = 1
    for child in ast.walk(node):
        if isinstance(child, ast.BoolOp):
            paths += len(child.values) - 1
        elif isinstance(child, _BRANCHES):
            paths += 1
    return paths


def fill(facts: FileFacts, data: bytes) -> FileFacts:
    """Return the facts with what the syntax tree tells; a file that cannot be parsed gets the reason in `error`."""
    try:
        whole = Assembly()
        whole.add(fragment_of(parse_python(data), facts["path"], facts["module"]))
        return whole.filled(facts)
    except SyntaxError as error:
        return {**facts, "error": inert_prose(f"line {error.lineno}: {error.msg}")}
    except (ValueError, RecursionError, MemoryError) as error:
        return {**facts, "error": inert_prose(f"{type(error).__name__}: {error}")}


def fragment_of(block: ast.Module | ast.ClassDef, path: str, module: str, outer: tuple[str, ...] = ()) -> Fragment:
    """Return what the statements of a block say; nothing about white space, which the tree does not have.

    Parameters
    ----------
    block
        A module, or a class that stands for the one that the statements are members of.
    path, module
        The file's relative path, and its dotted name.
    outer
        Names of the classes around the statements, outermost first.
    """
    top = [] if outer else block.body
    found = imported(block, path)
    declares_exports, exports = _exported(top)
    return Fragment(
        indent="",
        end_line=_end_line(block),
        doc="" if outer else _doc(block),
        symbols=list(_symbols(block.body, module, outer)),
        declares_exports=declares_exports,
        exports=exports,
        imports=found.modules,
        bound=found.bound,
        attributes=found.attributes,
        constants=list(_constants(top)),
        opened={},
    )


def _end_line(block: ast.Module | ast.ClassDef) -> int:
    """Return the line of the last token; that of a class may be a semicolon after its last statement."""
    last = block if isinstance(block, ast.ClassDef) else block.body[-1] if block.body else None
    return 0 if last is None else last.end_lineno or 0


def _symbols(body: list[ast.stmt], module: str, outer: tuple[str, ...]) -> Iterator[Symbol]:
    for node in _definitions(body):
        names = (*outer, node.name)
        yield _symbol(node, module, names)
        if isinstance(node, ast.ClassDef):
            yield from _symbols(node.body, module, names)


def _definitions(body: list[ast.stmt]) -> Iterator[_Function | ast.ClassDef]:
    """Yield the definitions of a block, those under `if`, `try` and `with` included, in order."""
    for node in body:
        if isinstance(node, _Function | ast.ClassDef):
            yield node
        elif not isinstance(node, ast.Expr | ast.Assign):
            for block in ("body", "handlers", "orelse", "finalbody"):
                yield from _definitions(getattr(node, block, []))


def _symbol(node: _Function | ast.ClassDef, module: str, names: tuple[str, ...]) -> Symbol:
    name = ".".join(names)
    is_class = isinstance(node, ast.ClassDef)
    kind = "class" if is_class else "method" if len(names) > 1 else "function"
    return Symbol(
        name=name,
        kind=kind,
        signature=inert_code(f"{module}.{name}{_parameters(node)}"),
        doc=_doc(node),
        line=node.lineno,
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        complexity=0 if is_class else complexity(node),
        public=all(not name.startswith("_") or name in _SPECIAL_PUBLIC for name in names),
    )


def _parameters(node: _Function | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){result}"


def _exported(body: list[ast.stmt]) -> tuple[bool, list[str] | None]:
    """Return whether `__all__` is assigned, and its names where they are literal."""
    for node in body:
        if isinstance(node, ast.Assign) and any(_is_name(target, "__all__") for target in node.targets):
            try:
                return True, sorted({str(name) for name in ast.literal_eval(node.value)})
            except (ValueError, TypeError):
                return True, None
    return False, None


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _doc(node: ast.Module | ast.ClassDef | _Function) -> str:
    """Return the first line of a docstring that says something."""
    text = ast.get_docstring(node, clean=False) or ""
    return inert_prose(next((line for line in text.splitlines() if line.strip()), ""))


def _constants(body: list[ast.stmt]) -> Iterator[Constant]:
    for node in body:
        target, value = _assignment(node)
        if target is None or value is None or not target.isupper() or target.startswith("_"):
            continue
        try:
            literal = ast.literal_eval(value)
        except (ValueError, TypeError):
            continue
        text = repr(literal)
        if len(text) <= _MAX_CONSTANT:
            yield Constant(
                name=target, value=inert_code(_in_order(text, value)), number=_number(literal), line=node.lineno
            )


def _in_order(text: str, value: ast.expr) -> str:
    """Return a literal as text; the order of a set is the source's, since its own is another in every process."""
    has_set = "{" in text and any(isinstance(node, ast.Set) for node in ast.walk(value))
    return ast.unparse(value) if has_set else text


def _assignment(node: ast.stmt) -> tuple[str | None, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    return None, None


def _number(literal: object) -> int | float | None:
    if isinstance(literal, bool) or not isinstance(literal, int | float):
        return None
    return literal if math.isfinite(literal) and abs(literal) < _MAX_NUMBER else None
