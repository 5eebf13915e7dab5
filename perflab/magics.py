"""Magics: `%load_ext perflab`, then `%perflab`, `%%perflab record`, `%%perflab compare`.

In: cells of a notebook. Out: operations that are recorded and judged, benchmarks, tables.
"""

from __future__ import annotations

import argparse
import ast
import atexit
import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, cast

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class
from IPython.display import display

from perflab.analyze.expression import Expression, parse
from perflab.errors import ConfigError, PerflabError
from perflab.present import sections
from perflab.present.shown import Shown
from perflab.present.tables import Cell, table
from perflab.present.theme import VERDICTS
from perflab.units import format_quantity

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from perflab.system import BenchmarkResult, PerformanceSystem

__all__ = ["PerflabMagics", "load"]

_SEPARATOR = "# versus"
_UNITS = {"time": "s", "memory": "bytes"}
"""What a budget may bound, and its unit."""


@magics_class
class PerflabMagics(Magics):
    """The magics of one shell.

    They work on the system of the notebook: the one named by `--system`, the only one that is open, or, if there is
    none, one that is made when it is needed and closed with the kernel.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._own: PerformanceSystem | None = None

    @line_cell_magic
    def perflab(self, line: str, cell: str | None = None) -> Any:
        """Say how things stand, record a cell, or compare two.

        `%perflab status`, `%perflab targets`, `%perflab report [FILE]`;
        `%%perflab record [--name NAME] [--budget "time < 2 s, memory < 200 MB"]`;
        `%%perflab compare [--pairs N] [--budget-s SECONDS]` with a line `# versus` between the two cells. Each takes
        `--system NAME`, the variable that holds the system.
        """
        try:
            asked = _parser(is_cell=cell is not None).parse_args(shlex.split(line) or ["status"])
            asked.source = "" if cell is None else self._shell.transform_cell(cell)
            prepared: Callable[[], Any] = getattr(self, f"_{asked.action}")(asked)
        except (PerflabError, ValueError) as error:
            raise UsageError(str(error)) from error
        # Outside: what the user's own code raises stays as it is.
        return prepared()

    @property
    def _shell(self) -> Any:
        return self.shell

    def _status(self, asked: argparse.Namespace) -> Callable[[], Any]:
        system = self._system(asked.system)
        return lambda: system

    def _targets(self, asked: argparse.Namespace) -> Callable[[], Shown]:
        made = sections.targets(self._system(asked.system).targets(), brief=True)
        return lambda: Shown((), (made,)) if made else Shown(("No target was judged.",))

    def _report(self, asked: argparse.Namespace) -> Callable[[], Shown]:
        path = self._system(asked.system).report(asked.file)
        return lambda: Shown((f"Report written to {path}.",))

    def _record(self, asked: argparse.Namespace) -> Callable[[], Any]:
        budget, system = _budget(asked.budget), self._system(asked.system)
        file = self._shell.compile.cache(asked.source)

        def record() -> Any:
            measured = _Measured()
            try:
                with measured, system.operation(asked.name) as operation:
                    return _executed(asked.source, self._shell.user_ns, file)
            finally:
                display(  # type: ignore[no-untyped-call]  # IPython does not type it
                    _judged(asked.name, budget, {"time": operation.duration_s, "memory": measured.growth_bytes})
                )

        return record

    def _compare(self, asked: argparse.Namespace) -> Callable[[], BenchmarkResult]:
        from perflab.bench import Cell
        from perflab.system import benchmark

        sides = [Cell(text, self._shell.user_ns) for text in _sides(asked.source)]
        config = self._system(asked.system).config
        return lambda: benchmark(*sides, config=config, pairs=asked.pairs, budget_s=asked.budget_s)

    def _system(self, name: str | None) -> PerformanceSystem:
        from perflab.system import PerformanceSystem

        names = self._shell.user_ns
        if name is not None:
            found = names.get(name)
            if not isinstance(found, PerformanceSystem):
                raise ConfigError(f"{name!r} is no system of this notebook; make one: {name} = PerformanceSystem().")
            return found
        # One system may have several names.
        known = {id(value): key for key, value in names.items() if _is_open(value) and not key.startswith("_")}
        if len(known) > 1:
            raise ConfigError(f"There are the systems {', '.join(sorted(known.values()))}; choose one with --system.")
        return cast("PerformanceSystem", names[next(iter(known.values()))]) if known else self._made()

    def _made(self) -> PerformanceSystem:
        from perflab.system import PerformanceSystem

        if self._own is None or self._own.is_closed:
            self._own = PerformanceSystem(label="notebook")
            atexit.register(self._own.close)
        return self._own


@dataclass(slots=True)
class _Measured:
    """The growth of this process's resident memory while something runs, from the kernel's own peak."""

    growth_bytes: float = float("nan")
    _before: int | None = None

    def __enter__(self) -> None:
        from perflab.host import baseline_rss, reset_peak

        self._before = baseline_rss() if reset_peak() else None

    def __exit__(self, *_: object) -> None:
        from perflab.host import peak_rss

        peak = peak_rss()
        if self._before is not None and peak is not None:
            self.growth_bytes = float(max(0, peak - self._before))


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are sentences in the notebook, and do not end the kernel."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"%perflab: {message}; help is in %perflab?.")


def load(shell: InteractiveShell) -> None:
    """Register the magics with a shell; `%load_ext perflab` calls this."""
    shell.register_magics(PerflabMagics)


def _parser(*, is_cell: bool) -> argparse.ArgumentParser:
    parser = _Parser(prog="%perflab", add_help=False)
    actions = parser.add_subparsers(dest="action", required=True, parser_class=_Parser)
    names = ("record", "compare") if is_cell else ("status", "targets", "report")
    made = {name: actions.add_parser(name, add_help=False) for name in names}
    for action in made.values():
        action.add_argument("--system")
    if is_cell:
        made["record"].add_argument("--name", default="cell")
        made["record"].add_argument("--budget", default="")
        made["compare"].add_argument("--pairs", type=int)
        made["compare"].add_argument("--budget-s", type=float, default=10.0)
    else:
        made["report"].add_argument("file", nargs="?", default="perflab-report.html")
    return parser


def _budget(text: str) -> tuple[Expression, ...]:
    """Return the bounds of a budget such as `time < 2 s, memory < 200 MB`."""
    found = tuple(parse(part.strip()) for part in text.split(",") if part.strip())
    for bound in found:
        if bound.metric not in _UNITS:
            raise ConfigError(f"The budget bounds {bound.metric!r}; a cell has {' and '.join(_UNITS)}.")
        if not bound.accepts(_UNITS[bound.metric]):
            raise ConfigError(f"The budget {bound.text!r} has the wrong unit; write {bound.metric} in a unit of "
                              f"{_UNITS[bound.metric]}.")  # fmt: skip
    return found


def _judged(name: str, budget: Sequence[Expression], measured: dict[str, float]) -> Shown:
    body = [_row(metric, value, budget) for metric, value in measured.items()]
    heads = ("measured", "value", "budget", "verdict")
    note = "Memory is the growth of this process to its peak in the cell."
    return Shown((), (table(f"Operation {name}", heads, body, numeric=("value",), note=note),))


def _row(metric: str, value: float, budget: Sequence[Expression]) -> tuple[Cell | str, ...]:
    own = [bound for bound in budget if bound.metric == metric]
    shown = format_quantity(value, _UNITS[metric])
    if not own:
        return metric, shown, "–", "–"
    # What was measured once has no interval; it is the value itself that is judged.
    verdict = "unavailable" if math.isnan(value) else _worst(bound.judge(value, value) for bound in own)
    mark, role = VERDICTS[verdict]
    return metric, shown, ", ".join(bound.text for bound in own), Cell(f"{mark} {verdict}", f"v {role}")


def _worst(verdicts: Iterator[str]) -> str:
    found = set(verdicts)
    return next(verdict for verdict in ("fail", "unclear", "pass") if verdict in found)


def _sides(source: str) -> tuple[str, str]:
    lines = source.splitlines()
    places = [place for place, line in enumerate(lines) if line.strip().lower() == _SEPARATOR]
    if len(places) != 1:
        raise ConfigError(
            f"The cell has {len(places)} lines {_SEPARATOR!r}; write one between the two that are compared."
        )
    return "\n".join(lines[: places[0]]), "\n".join(lines[places[0] + 1 :])


def _executed(source: str, namespace: dict[str, Any], name: str) -> Any:
    """Execute a cell here and return the value of its last line, None if that is no expression."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)  # noqa: S102  # the user's own cell
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace)  # noqa: S307  # as above


def _is_open(value: object) -> bool:
    from perflab.system import PerformanceSystem

    return isinstance(value, PerformanceSystem) and not value.is_closed
