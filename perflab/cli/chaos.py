"""`perflab benchmark --chaos`: cause faults against a workload, or a function of the user's own.

In: names of faults, a workload or `module:function`. Out: a table, and an exit code: 1 if one was not survived.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from perflab.cli.answer import Answer, table
from perflab.cli.codes import Exit
from perflab.config import Config
from perflab.errors import BenchmarkError

if TYPE_CHECKING:
    from perflab.system import PerformanceSystem

__all__ = ["ALL", "ChaosCommand", "run"]

ALL = "all"
_OPTION = "--chaos"
_SOURCE_BYTES = 120_000
_HEADS = ("fault", "caused", "survived", "results", "warnings", "rows", "time", "why")


class ChaosCommand(TyperCommand):
    """A command that takes `--chaos` without a value for `--chaos=all`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in what is left out."""
        pairs = itertools.zip_longest(args, args[1:], fillvalue="-")
        bare = [f"{_OPTION}={ALL}" if arg == _OPTION and after.startswith("-") else arg for arg, after in pairs]
        return super().parse_args(ctx, bare)


def run(
    names: str, workloads: Sequence[str], source: Path | None, function: str | None, config_file: Path | None
) -> Answer:
    """Cause faults; the code is 0 if all that were caused were survived, 1 if not, and 3 if none could be caused."""
    from perflab.cli.benchmark import progress
    from perflab.system.faults import chaos

    config = Config.load(config_file)
    faults = None if names == ALL else [name.strip() for name in names.split(",") if name.strip()]
    with _workload(workloads, source, function, config) as workload, progress() as step:
        result = chaos(config, faults, workload, on_step=step)
    code = Exit.UNCLEAR if not result.caused else Exit.DONE if result.survived else Exit.FAILED
    data = {"faults": [asdict(row) for row in result.rows], "survived": result.survived}
    return Answer(data, [table("Faults caused on purpose", _HEADS, result.cells()), result.said], code)


@contextmanager
def _workload(
    workloads: Sequence[str], source: Path | None, function: str | None, config: Config
) -> Iterator[Callable[..., Any]]:
    if function is not None:
        yield _own(function)
        return
    if len(workloads) > 1:
        raise BenchmarkError(f"{len(workloads)} workloads are named; name one for --chaos.")
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        yield _built_in(workloads[0] if workloads else "document-creation", source, config, Path(folder))


def _own(function: str) -> Callable[..., Any]:
    from perflab.bench.arm import resolve

    if ":" not in function:
        raise BenchmarkError(f"{function!r} names no function; write module:function.")
    sys.path.insert(0, str(Path.cwd()))  # where the module is that is named, as for `python -m`
    return resolve(function)


def _built_in(name: str, source: Path | None, config: Config, folder: Path) -> Callable[..., Any]:
    """Return a workload's requests, one after the other, through the tools of the system that it is given."""
    from perflab.workloads.concurrency import requests_of
    from perflab.workloads.corpus import select

    corpus = select(source, seed=config.benchmark.seed, limit_bytes=_SOURCE_BYTES if source is None else None)
    make = requests_of(name, corpus, folder / "documents")
    numbers = itertools.count()

    def work(system: PerformanceSystem) -> list[str]:
        out = folder / f"out-{next(numbers)}"
        parts: list[Any] = make(system.tools())
        return [str(part(out / str(number)).digest) for number, part in enumerate(parts)]

    return work
