"""A cell of a notebook as something that can be run, measured and sent to another process.

In: the text of a cell. Out: its value, or a function of no arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, cast

from perflab.errors import ConfigError

__all__ = ["as_function", "run"]


def run(source: str, namespace: dict[str, Any], name: str) -> Any:
    """Execute a cell and return the value of its last line, None if that is no expression.

    Parameters
    ----------
    source
        Python, with magics translated already.
    namespace
        Where its names live.
    name
        The file that tracebacks name.

    Examples
    --------
    >>> names = {}
    >>> run("x = 2\\nx + 1", names, "cell"), names["x"]
    (3, 2)
    """
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)  # noqa: S102  # the user's own cell
    if last is None:
        return None
    return eval(_expression(last, name), namespace)  # noqa: S307  # as above


def as_function(source: str, namespace: Mapping[str, Any], name: str) -> Callable[[], Any]:
    """Return a function that does what a cell does and returns the value of its last line.

    Names that the cell assigns are the function's own; all others are looked up in the namespace.

    Raises
    ------
    ConfigError
        If the cell is empty or no Python.

    Examples
    --------
    >>> as_function("total = sum(numbers)\\ntotal * 2", {"numbers": [1, 2]}, "twice")()
    6
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ConfigError(f"The cell {name!r} is no Python: {error.msg} in line {error.lineno}.") from error
    if not body:
        raise ConfigError(f"The cell {name!r} is empty; write what is to be measured.")
    if isinstance(body[-1], ast.Expr):
        body[-1] = ast.copy_location(ast.Return(body[-1].value), body[-1])
    tree = ast.parse(f"def {name}(): pass")
    cast("ast.FunctionDef", tree.body[0]).body = body
    made: dict[str, Any] = {}
    # A dictionary of its own for the name, the user's for what the function reads.
    exec(compile(ast.fix_missing_locations(tree), f"<{name}>", "exec"), cast("dict[str, Any]", namespace), made)  # noqa: S102
    return cast("Callable[[], Any]", made[name])


def _expression(last: ast.stmt, name: str) -> CodeType:
    return compile(ast.Expression(cast("ast.Expr", last).value), name, "eval")
