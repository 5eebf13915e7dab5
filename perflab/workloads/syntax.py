"""Facts of a Python file, from its syntax tree.

In: facts with the sizes filled in, and the file's bytes. Out: the same facts with symbols, imports and constants.
"""

from __future__ import annotations

import ast
import math
import threading
import warnings
from collections.abc import Iterator

from perflab.workloads.factsheet import Constant, FileFacts, Import, Symbol
from perflab.workloads.inert import inert_code, inert_prose

__all__ = ["complexity", "fill", "parse_python"]

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


def parse_python(data: bytes) -> ast.Module:
    """Return the syntax tree of a foreign file without its warnings.

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
        tree = parse_python(data)
        imports, uses = _imports(tree, facts["path"])
        return {
            **facts,
            "doc": _doc(tree),
            "symbols": list(_symbols(tree.body, facts["module"], (), _exported(tree))),
            "imports": imports,
            "uses": uses,
            "constants": list(_constants(tree)),
        }
    except SyntaxError as error:
        return {**facts, "error": inert_prose(f"line {error.lineno}: {error.msg}")}
    except (ValueError, RecursionError, MemoryError) as error:
        return {**facts, "error": inert_prose(f"{type(error).__name__}: {error}")}


def _symbols(
    body: list[ast.stmt], module: str, outer: tuple[str, ...], exported: frozenset[str] | None
) -> Iterator[Symbol]:
    for node in _definitions(body):
        names = (*outer, node.name)
        public = _is_public(names, exported)
        yield _symbol(node, module, names, public)
        if isinstance(node, ast.ClassDef):
            yield from _symbols(node.body, module, names, exported)


def _definitions(body: list[ast.stmt]) -> Iterator[_Function | ast.ClassDef]:
    """Yield the definitions of a block, those under `if`, `try` and `with` included, in order."""
    for node in body:
        if isinstance(node, _Function | ast.ClassDef):
            yield node
        elif not isinstance(node, ast.Expr | ast.Assign):
            for block in ("body", "handlers", "orelse", "finalbody"):
                yield from _definitions(getattr(node, block, []))


def _symbol(node: _Function | ast.ClassDef, module: str, names: tuple[str, ...], public: bool) -> Symbol:
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
        public=public,
    )


def _parameters(node: _Function | ast.ClassDef) -> str:
    if isinstance(node, ast.ClassDef):
        return f"({', '.join(ast.unparse(base) for base in node.bases)})" if node.bases else ""
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){result}"


def _is_public(names: tuple[str, ...], exported: frozenset[str] | None) -> bool:
    if exported is not None and names[0] not in exported:
        return False
    return all(not name.startswith("_") or name in _SPECIAL_PUBLIC for name in names)


def _exported(tree: ast.Module) -> frozenset[str] | None:
    """Return the names of a literal `__all__`, or None where the module does not tell."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(_is_name(target, "__all__") for target in node.targets):
            try:
                return frozenset(str(name) for name in ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return None
    return None


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _doc(node: ast.Module | ast.ClassDef | _Function) -> str:
    """Return the first line of a docstring that says something."""
    text = ast.get_docstring(node, clean=False) or ""
    return inert_prose(next((line for line in text.splitlines() if line.strip()), ""))


def _constants(tree: ast.Module) -> Iterator[Constant]:
    for node in tree.body:
        target, value = _assignment(node)
        if target is None or value is None or not target.isupper() or target.startswith("_"):
            continue
        try:
            literal = ast.literal_eval(value)
        except (ValueError, TypeError):
            continue
        text = repr(literal)
        if len(text) <= _MAX_CONSTANT:
            yield Constant(name=target, value=inert_code(text), number=_number(literal), line=node.lineno)


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


def _imports(tree: ast.Module, path: str) -> tuple[list[Import], list[str]]:
    """Return the imported modules by name, and the dotted names that the file uses of them."""
    taken: dict[str, set[str]] = {}
    bound: dict[str, str] = {}
    attributes: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            taken.update((alias.name, taken.get(alias.name, set())) for alias in node.names)
            bound.update(_binding(alias) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            taken.setdefault(_absolute(node, path), set()).update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes.add((node.value.id, node.attr))
    uses = {f"{bound[name]}.{attribute}" for name, attribute in attributes if name in bound}
    uses |= {f"{module}.{name}" for module, names in taken.items() for name in names}
    return [Import(module=module, names=sorted(names)) for module, names in sorted(taken.items())], sorted(uses)


def _binding(alias: ast.alias) -> tuple[str, str]:
    """Return the name that `import` binds, and the module that it stands for."""
    top = alias.name.partition(".")[0]
    return (alias.asname, alias.name) if alias.asname else (top, top)


def _absolute(node: ast.ImportFrom, path: str) -> str:
    """Return the module that a `from` import names, relative ones resolved against the file's own package."""
    if not node.level:
        return node.module or ""
    package = path.split("/")[:-1]
    kept = package[: max(0, len(package) - node.level + 1)]
    return ".".join([*kept, *([node.module] if node.module else [])])
