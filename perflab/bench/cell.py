"""Pieces of code as arms, as a notebook's cells are: with the names that they use of a namespace.

In: code and a namespace. Out: a `Cell`, whose arm runs it in the measuring process; its output is its last expression.
"""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from perflab.errors import BenchmarkError

__all__ = ["Cell", "execute", "ready"]

_FILE = "<cell>"


@dataclass(frozen=True)
class Cell:
    """Code, and what it uses of a namespace, as they are when the cell is made.

    Each sample starts from a fresh copy of that, so that neither arm sees what the other one changed.

    Parameters
    ----------
    code
        Python without magics, as IPython's `transform_cell` returns it.
    namespace
        Such as `get_ipython().user_ns`; of it travels only what the code names, and what that needs.

    Raises
    ------
    BenchmarkError
        If the code is empty or no Python, or uses something that cannot travel to a measuring process.

    Examples
    --------
    >>> cell = Cell("total = sum(numbers)\\ntotal", {"numbers": [1, 2, 3], "other": object()})
    >>> cell.names
    ('numbers',)
    """

    code: str
    namespace: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    pickled: bytes = field(init=False, repr=False, compare=False)
    names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    __name__ = "cell"

    def __post_init__(self) -> None:
        body, last = _compiled(self.code)
        used = sorted({name for code in (body, last) if code is not None for name in _names(code)})
        found = {name: self.namespace[name] for name in used if name in self.namespace}
        object.__setattr__(self, "names", tuple(found))
        object.__setattr__(self, "pickled", _packed(found))
        object.__setattr__(self, "namespace", {})

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What `ready` makes a namespace and runnable code of."""
        return {"code": self.code, "pickled": self.pickled}


def ready(code: str, pickled: bytes) -> Mapping[str, Any]:
    """Return the arguments of `execute`: compiled code and a namespace of its own."""
    return {"compiled": _compiled(code), "names": {"__name__": "__main__", **pickle.loads(pickled)}}  # noqa: S301  # from our own parent process


def execute(compiled: tuple[CodeType, CodeType | None], names: Mapping[str, Any], **_: Any) -> Any:
    """Run the code over a shallow copy of the names and return the value of its last expression, None without one.

    Examples
    --------
    >>> execute(**ready("y = x + 1\\ny * 2", pickle.dumps({"x": 1})))
    4
    """
    body, last = compiled
    space = dict(names)
    exec(body, space)  # noqa: S102  # the user's own code, which the user asked to be run
    return None if last is None else eval(last, space)  # noqa: S307  # as above


def _compiled(code: str) -> tuple[CodeType, CodeType | None]:
    """Return the code as statements, and its last expression apart, if it ends with one."""
    try:
        tree = ast.parse(code, _FILE)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        body = compile(tree, _FILE, "exec")
        value = compile(ast.Expression(last.value), _FILE, "eval") if isinstance(last, ast.Expr) else None
    except (SyntaxError, ValueError) as error:
        raise BenchmarkError(
            f"The cell is no Python that can run alone: {error}; leave out magics and `await`."
        ) from error
    if not tree.body and value is None:
        raise BenchmarkError("The cell is empty; write the code that is to be measured.")
    return body, value


def _names(code: CodeType) -> Iterator[str]:
    """Yield the names that code may look up outside of itself, also those in functions that it defines."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _packed(found: Mapping[str, Any]) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]  # ships no type information

    try:
        packed: bytes = cloudpickle.dumps(dict(found))
    except Exception:
        name, error = next(_refused(found))
        raise BenchmarkError(
            f"The cell uses {name!r}, a {type(found[name]).__name__}, which cannot travel to a measuring process "
            f"({error}); make it inside the cell."
        ) from error
    return packed


def _refused(found: Mapping[str, Any]) -> Iterator[tuple[str, Exception]]:
    import cloudpickle

    for name, value in found.items():
        try:
            cloudpickle.dumps(value)
        except Exception as error:
            yield name, error
    yield next(iter(found)), BenchmarkError("what it uses cannot be packed together")
