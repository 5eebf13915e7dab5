"""What is measured: a function, its arguments and the state in which it starts.

In: a callable or `module:function`. Out: an `Arm`, and the `Outcome` that it may return.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal, get_args

from perflab.errors import BenchmarkError

__all__ = ["Arm", "Clock", "Outcome", "State", "resolve"]

State = Literal["any", "cold", "warm", "incremental"]
Clock = Literal["wall", "cpu", "auto"]
Function = str | Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an arm may say about its own work; any other return value is its output itself.

    Attributes
    ----------
    digest : str or None
        Hash of everything that the arm produced; None if it cannot be compared.
    work : mapping or None
        Counted work, such as chunks computed and reused.
    run_dir : str or None
        Folder of the rows that the arm recorded.
    children_peak_bytes : int or None
        Sum of the peaks of its worker processes; None if the arm does not know it, and then they are watched.
    """

    digest: str | None = None
    work: Mapping[str, int] | None = None
    run_dir: str | None = None
    children_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison.

    Attributes
    ----------
    name : str
        `baseline`, `optimized`, ...
    target : str or callable
        What is timed, called with `arguments`; text is `module:function`.
    arguments : mapping
        Keyword arguments of target and setup.
    setup : str, callable or None
        Called untimed before each sample; a mapping that it returns overrides arguments of the target.
    state : str
        `cold` (fresh process and caches), `warm`, `incremental`, or `any` where it does not matter.
    clock : str
        What the arm is judged on: `wall` for work that waits, `cpu` for work that computes on one core, `auto` to tell
        from the first samples of all arms.
    workers : int or None
        Worker processes that it may use, for the record.
    inputs : str
        Arms of the same label must produce the same output.
    collects_garbage : bool
        Leave the garbage collector on inside a sample, as caches make it work.
    libraries : tuple of str
        Modules that are imported before a memory run counts, as a kernel at work has them: their code is not what the
        work needs. Timed samples import what they need in their time.
    in_memory_runs : mapping
        Arguments of memory runs that override all others, such as to keep no record.
    source : str
        What is measured, where the target only runs it: a command line, or a cell's code.

    Raises
    ------
    BenchmarkError
        If a field has a value that is not allowed.

    Examples
    --------
    >>> Arm("optimized", "json:dumps", {"obj": [1, 2]}, state="warm", workers=2).label
    'optimized (warm, 2 workers)'
    """

    name: str
    target: Function
    arguments: Mapping[str, Any] = field(default_factory=dict)
    setup: Function | None = None
    state: State = "any"
    clock: Clock = "wall"
    workers: int | None = None
    inputs: str = ""
    collects_garbage: bool = False
    libraries: tuple[str, ...] = ()
    in_memory_runs: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("state", self.state, get_args(State)),
            ("clock", self.clock, get_args(Clock)),
        ):
            if value not in allowed:
                raise BenchmarkError(
                    f"The arm {self.name!r} has the {name} {value!r}; allowed are {', '.join(allowed)}."
                )
        for function in (self.target, *(() if self.setup is None else (self.setup,))):
            named = isinstance(function, str) and ":" in function
            if not callable(function) and not named:
                raise BenchmarkError(
                    f"The arm {self.name!r} names the function {function!r}; write 'module:function' or a callable."
                )

    @property
    def label(self) -> str:
        """The arm as messages name it."""
        workers = "" if self.workers is None else f"{self.workers} worker{'s' * (self.workers != 1)}"
        details = ", ".join(filter(None, ["" if self.state == "any" else self.state, workers]))
        return f"{self.name} ({details})" if details else self.name


def resolve(function: Function) -> Callable[..., Any]:
    """Return the callable that `module:function` names, or the callable itself.

    Examples
    --------
    >>> resolve("json:JSONDecoder.decode").__qualname__
    'JSONDecoder.decode'
    """
    if not isinstance(function, str):
        return function
    module, _, path = function.partition(":")
    start: Any = importlib.import_module(module)
    found: Callable[..., Any] = reduce(getattr, path.split("."), start)
    return found
