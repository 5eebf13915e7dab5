"""Performance analysis in JupyterLab: caches, chunkers and benchmarks that record every operation into frames.

In: your functions, files and settings. Out: pandas frames, verdicts on targets, plots and one report.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from perflab.cache import isolated_cache as isolated_cache
    from perflab.config import Config as Config
    from perflab.errors import PerflabError as PerflabError
    from perflab.system import BenchmarkResult as BenchmarkResult
    from perflab.system import ChaosResult as ChaosResult
    from perflab.system import PerformanceSystem as PerformanceSystem
    from perflab.system import Run as Run
    from perflab.system import RunComparison as RunComparison
    from perflab.system import benchmark as benchmark
    from perflab.system import chaos as chaos
    from perflab.system import compare as compare
    from perflab.system import history as history
    from perflab.system import open_run as open_run
    from perflab.system import read_trace as read_trace
    from perflab.system import whatif as whatif
    from perflab.trace import Trace as Trace

__all__ = [
    "BenchmarkResult",
    "ChaosResult",
    "Config",
    "PerflabError",
    "PerformanceSystem",
    "Run",
    "RunComparison",
    "Trace",
    "benchmark",
    "chaos",
    "compare",
    "history",
    "isolated_cache",
    "open_run",
    "read_trace",
    "whatif",
]

_HOMES = {
    "BenchmarkResult": "perflab.system",
    "ChaosResult": "perflab.system",
    "Config": "perflab.config",
    "PerflabError": "perflab.errors",
    "PerformanceSystem": "perflab.system",
    "Run": "perflab.system",
    "RunComparison": "perflab.system",
    "Trace": "perflab.trace",
    "benchmark": "perflab.system",
    "chaos": "perflab.system",
    "compare": "perflab.system",
    "history": "perflab.system",
    "isolated_cache": "perflab.cache",
    "open_run": "perflab.system",
    "read_trace": "perflab.system",
    "whatif": "perflab.system",
}


def __getattr__(name: str) -> Any:
    # Names are looked up when they are used, so that `import perflab` costs next to nothing.
    if name not in _HOMES:
        raise AttributeError(f"module 'perflab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; `%load_ext perflab` calls this."""
    from perflab.magics import load

    load(shell)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
