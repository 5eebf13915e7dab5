"""Benchmarks: arms measured in interleaved blocks, one sample a row.

In: arms (functions with arguments). Out: rows of the frame `samples`, and a `Bench` with a verdict for each arm.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from perflab.bench.arm import Arm, Outcome

if TYPE_CHECKING:
    from perflab.bench.cell import Cell
    from perflab.bench.command import Command
    from perflab.bench.compare import ArmComparison, Bench
    from perflab.bench.protocol import run

__all__ = ["Arm", "ArmComparison", "Bench", "Cell", "Command", "Outcome", "run"]


_HOMES = {"ArmComparison": "compare", "Bench": "compare", "Cell": "cell", "Command": "command", "run": "protocol"}


def __getattr__(name: str) -> Any:
    # A measuring process needs none of these; their imports take longer than all else that it does at the start.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
