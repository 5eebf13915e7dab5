"""What this host is, for keeping beside every result.

In: `/proc`, the interpreter, installed packages. Out: one flat, JSON-ready mapping.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from perflab.host.limits import memory_bounds, usable_cores

__all__ = ["PACKAGES", "facts"]

PROC = Path("/proc")

PACKAGES = (
    "perflab",
    "cachetools",
    "cloudpickle",
    "diskcache",
    "ipykernel",
    "ipywidgets",
    "jupyterlab",
    "matplotlib",
    "numpy",
    "pandas",
    "psutil",
    "pyarrow",
    "scipy",
    "tree-sitter",
)
"""Packages whose version may change a result."""


def facts(proc: Path = PROC) -> dict[str, object]:
    """Return the facts of this host: cpu model, cores, memory bounds, kernel, Python, package versions.

    What cannot be read is None. `memory_limit_from` names the bound that is the smallest.

    Examples
    --------
    >>> found = facts()
    >>> found["cores"] >= found["usable_cores"] > 0
    True
    """
    bounds = memory_bounds(proc)
    source = min(bounds, key=bounds.__getitem__, default=None)
    return {
        "cpu": _cpu_model(proc),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(proc),
        "ram_bytes": bounds.get("ram"),
        "memory_limit_bytes": None if source is None else bounds[source],
        "memory_limit_from": source,
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "pressure_readable": (proc / "pressure" / "cpu").exists(),
        "packages": {name: version for name in PACKAGES if (version := _version(name)) is not None},
    }


def _cpu_model(proc: Path) -> str | None:
    try:
        lines = (proc / "cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or None
    named = (line.partition(":")[2].strip() for line in lines if line.lower().startswith("model name"))
    return next(named, platform.processor() or None)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
