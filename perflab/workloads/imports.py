"""What Python statements import, and which attributes of names they use.

In: a syntax tree and the path of its file. Out: modules with the names taken from them, bound names, attributes.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from perflab.workloads.factsheet import Import

__all__ = ["Imported", "imported", "merged_imports"]

_STATEMENTS = (ast.Import, ast.ImportFrom)


class Imported(NamedTuple):
    """The imported modules by name, the module behind each name that `import` binds, and attributes by name."""

    modules: list[Import]
    bound: dict[str, str]
    attributes: dict[str, list[str]]


def imported(tree: ast.AST, path: str) -> Imported:
    """Return what the statements of a tree import and use, wherever in the tree they stand.

    A name that several imports bind stands for the last of them.

    Parameters
    ----------
    tree
        The syntax tree.
    path
        Relative posix path of the file, which relative imports start from.

    Examples
    --------
    >>> found = imported(ast.parse("import a.b as c, d.e\\nfrom . import f\\nc.g(d)"), "pkg/m.py")
    >>> found.bound, found.attributes, found.modules[-1]
    ({'c': 'a.b', 'd': 'd'}, {'c': ['g']}, {'module': 'pkg', 'names': ['f']})
    """
    statements: list[ast.Import | ast.ImportFrom] = []
    attributes: defaultdict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name):
                attributes[node.value.id].add(node.attr)
        elif isinstance(node, _STATEMENTS):
            statements.append(node)
    # The walk goes level by level; which import is the last one is a matter of the source's order.
    statements.sort(key=lambda node: (node.lineno, node.col_offset))
    return Imported(
        modules=merged_imports(item for node in statements for item in _modules(node, path)),
        bound=dict(_binding(alias) for node in statements if isinstance(node, ast.Import) for alias in node.names),
        attributes={name: sorted(used) for name, used in sorted(attributes.items())},
    )


def merged_imports(imports: Iterable[Import]) -> list[Import]:
    """Return one import a module, sorted, with all names that are taken from it.

    Examples
    --------
    >>> merged_imports([{"module": "a", "names": ["c"]}, {"module": "a", "names": ["b"]}])
    [{'module': 'a', 'names': ['b', 'c']}]
    """
    taken: dict[str, set[str]] = {}
    for item in imports:
        taken.setdefault(item["module"], set()).update(item["names"])
    return [Import(module=module, names=sorted(names)) for module, names in sorted(taken.items())]


def _modules(node: ast.Import | ast.ImportFrom, path: str) -> Iterator[Import]:
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        yield Import(module=_absolute(node, path), names=names)
    else:
        yield from (Import(module=name, names=[]) for name in names)


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
