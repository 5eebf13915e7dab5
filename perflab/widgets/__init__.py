"""Panels for JupyterLab: settings, benchmarks, the host, targets, stored runs, what-if. Only faces know Jupyter.

In: a `PerformanceSystem`, a folder of runs, a trace. Out: panels that a notebook shows, each the last line of a cell.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perflab.widgets.benchmarks import Benchmarks as Benchmarks
    from perflab.widgets.explorer import Explorer as Explorer
    from perflab.widgets.monitor import Monitor as Monitor
    from perflab.widgets.targets import Targets as Targets
    from perflab.widgets.tuner import Tuner as Tuner
    from perflab.widgets.what_if import WhatIfPanel as WhatIfPanel

__all__ = ["Benchmarks", "Explorer", "Monitor", "Targets", "Tuner", "WhatIfPanel"]

_HOMES = {
    "Benchmarks": "benchmarks",
    "Explorer": "explorer",
    "Monitor": "monitor",
    "Targets": "targets",
    "Tuner": "tuner",
    "WhatIfPanel": "what_if",
}


def __getattr__(name: str) -> Any:
    # ipywidgets takes 150 ms to import; who only wants one name of this package waits for one panel.
    if name not in _HOMES:
        raise AttributeError(f"module 'perflab.widgets' has no attribute {name!r}")
    return getattr(import_module(f"perflab.widgets.{_HOMES[name]}"), name)
