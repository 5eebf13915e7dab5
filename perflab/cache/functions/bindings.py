"""What code reads from around it, and whether that is still bound to the same objects.

In: code, global namespaces, closure cells. Out: the names that a digest must cover, and a check that takes some 15 ns a
name.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator
from typing import Any, cast

__all__ = ["ABSENT", "Bindings", "assigned_cells", "global_names"]

ABSENT: Any = object()
"""What an unbound name or an empty cell is bound to."""

_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_WRITES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL"})


class Bindings:
    """Names, cells and code as they were when they were read.

    Examples
    --------
    >>> scope = {"limit": 3}
    >>> bindings = Bindings()
    >>> bindings.read(scope, "limit"), bindings.read(scope, "len") is ABSENT
    (3, True)
    >>> same = bindings.check()
    >>> before = same()
    >>> scope["limit"] = 3.0
    >>> before, same(), bindings.changed()
    (True, False, ('limit',))
    """

    def __init__(self) -> None:
        self._globals: list[tuple[dict[str, Any], str, object]] = []
        self._cells: list[tuple[types.CellType, str, object]] = []
        self._code: list[tuple[types.FunctionType, types.CodeType]] = []

    def read(self, scope: dict[str, Any], name: str) -> Any:
        """Return what a global name is bound to, or ABSENT."""
        value = scope.get(name, ABSENT)
        self._globals.append((scope, name, value))
        return value

    def open(self, cell: types.CellType, name: str) -> Any:
        """Return what a closure cell holds, or ABSENT."""
        value = _content(cell)
        self._cells.append((cell, name, value))
        return value

    def code(self, fn: types.FunctionType) -> types.CodeType:
        """Return the code that a function has now."""
        self._code.append((fn, fn.__code__))
        return fn.__code__

    def check(self) -> Callable[[], bool]:
        """Return a function that tells if all is as it was read; KeyError and ValueError mean no, too.

        Compared are identities: `1`, `1.0` and `True` are three, and nothing's `__eq__` is called.
        """
        terms: list[str] = []
        known: dict[str, object] = {"__builtins__": {}}
        for number, (term, holder, name, value) in enumerate(self._terms()):
            terms.append(term.format(o=f"o{number}", v=f"v{number}", name=name))
            known.update({f"o{number}": holder, f"v{number}": value})
        # A loop over the names would take three times as long, and it runs at every hit.
        source = f"lambda: {' and '.join(terms) or 'True'}"
        return cast("Callable[[], bool]", eval(source, known))  # noqa: S307 - made of quoted names alone

    def changed(self) -> tuple[str, ...]:
        """Return the names whose binding is another one now."""
        names = [name for scope, name, value in self._globals if scope.get(name, ABSENT) is not value]
        names += [name for cell, name, value in self._cells if _content(cell) is not value]
        names += [fn.__name__ for fn, code in self._code if fn.__code__ is not code]
        return tuple(dict.fromkeys(names))

    def _terms(self) -> Iterator[tuple[str, object, str, object]]:
        """Yield what to check, in terms of an object, a name and a value."""
        for scope, name, value in {(id(s), n): (s, n, v) for s, n, v in self._globals}.values():
            yield "{name!r} not in {o}" if value is ABSENT else "{o}[{name!r}] is {v}", scope, name, value
        for cell, name, value in self._cells:
            # An empty cell has nothing to compare: it is read again at each call until it is filled.
            yield "False" if value is ABSENT else "{o}.cell_contents is {v}", cell, name, value
        for fn, code in self._code:
            yield "{o}.__code__ is {v}", fn, fn.__name__, code


def global_names(code: types.CodeType) -> list[str]:
    """Return the global names that code reads, nested code included, sorted.

    A name that the code itself assigns is state that it keeps, such as a counter of calls, and not what it depends on.

    Examples
    --------
    >>> def count():
    ...     global calls
    ...     calls = calls + step
    >>> global_names(count.__code__)
    ['step']
    """
    reads: set[str] = set()
    writes: set[str] = set()
    for nested in _nested(code):
        for instruction in dis.get_instructions(nested):
            if instruction.opname in _READS:
                reads.add(instruction.argval)
            elif instruction.opname in _WRITES:
                writes.add(instruction.argval)
    return sorted(reads - writes)


def assigned_cells(code: types.CodeType) -> frozenset[str]:
    """Return the variables of enclosing functions that code assigns (`nonlocal`), nested code included."""
    return frozenset(
        instruction.argval
        for nested in _nested(code)
        if nested.co_freevars
        for instruction in dis.get_instructions(nested)
        if instruction.opname in ("STORE_DEREF", "DELETE_DEREF") and instruction.argval in nested.co_freevars
    )


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT
