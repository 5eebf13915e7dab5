"""Two things of the user's own as the arms of a benchmark.

In: callables, names `module:function`, commands, cells or arms. Out: the arms `baseline` and `optimized`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from perflab.bench.arm import Arm, Clock, Function, State
from perflab.bench.cell import Cell
from perflab.bench.command import Command
from perflab.errors import BenchmarkError

__all__ = ["Side", "pair_of"]

Side = Callable[..., Any] | str | Command | Cell | Arm
"""What can stand on one side of a comparison; text is `module:function`."""


@dataclass(frozen=True, slots=True)
class _Start:
    """How both arms start, and what they are judged on."""

    setup: Function | None
    state: State
    clock: Clock
    collects_garbage: bool


def pair_of(
    baseline: Side,
    optimized: Side,
    *,
    setup: Function | None = None,
    state: State = "any",
    clock: Clock = "auto",
    collects_garbage: bool = False,
) -> tuple[str, tuple[Arm, Arm]]:
    """Return a name for the comparison and its two arms; an `Arm` keeps all but its name.

    Examples
    --------
    >>> name, arms = pair_of("json:dumps", Command("true"))
    >>> name, arms[0].target, arms[1].arguments
    ('true', 'json:dumps', {'line': 'true'})
    """
    start = _Start(setup, state, clock, collects_garbage)
    return _name(optimized), (_arm("baseline", baseline, start), _arm("optimized", optimized, start))


def _arm(name: str, side: Side, start: _Start) -> Arm:
    if isinstance(side, Arm):
        return replace(side, name=name)
    options = {"setup": start.setup, "state": start.state, "collects_garbage": start.collects_garbage}
    if isinstance(side, Cell):
        if start.setup is not None:
            raise BenchmarkError("A cell has no setup; put what is not to be measured into a cell before it.")
        options |= {"setup": "perflab.bench.cell:ready", "source": side.code}
        return Arm(name, "perflab.bench.cell:execute", side.arguments, clock=start.clock, **options)  # type: ignore[arg-type]  # options by name
    if isinstance(side, Command):
        # A command computes in a process of its own, and perhaps in several: only the wall tells how long it took.
        clock = "wall" if start.clock == "auto" else start.clock
        return Arm(name, "perflab.bench.command:execute", {"line": side.line}, clock=clock, source=side.line, **options)  # type: ignore[arg-type]  # options by name
    return Arm(name, side, clock=start.clock, **options)  # type: ignore[arg-type]  # options by name


def _name(side: Side) -> str:
    if isinstance(side, Arm):
        return _name(side.target)
    if isinstance(side, str):
        return side.partition(":")[2] or side
    return getattr(side, "__name__", None) or "functions"
