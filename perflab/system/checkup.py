"""What works on this machine, and what to do where something does not.

In: a config, the machine. Out: findings, one for each thing that perflab needs or can use.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from perflab.cache.disk.folder import claim
from perflab.compiled import is_available
from perflab.config import Config
from perflab.errors import StoreError
from perflab.host import facts, reset_peak
from perflab.units import format_bytes

__all__ = ["Finding", "checkup"]

State = Literal["works", "limited", "fails"]

SYS = Path("/sys")
PROC = Path("/proc")
NATIVE = ("_native", "_writes", "_operations")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COMPILERS = ("gcc", "cc", "clang")
LEAST_FILES = 1024
"""Open files that a process may have: workers, a disk tier and a server of notebooks take some hundreds."""

_OPTIONAL = {
    "JupyterLab": ("jupyterlab", "lab"),
    "widgets": ("ipywidgets", "lab"),
    "Dask clusters": ("distributed", "dask"),
    "schema checks of frames": ("pandera", "check"),
    "OpenTelemetry": ("opentelemetry", "otel"),
    "workbooks (XLSX)": ("openpyxl", "xlsx"),
    "search by Optuna": ("optuna", "optuna"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    state : str
        `works`; `limited` where perflab does without; `fails` where it cannot do its work.
    found : str
        What is there.
    remedy : str
        What to do; empty if it works.
    """

    name: str
    state: State
    found: str
    remedy: str = ""


def checkup(
    config: Config, *, which: Callable[[str], str | None] = shutil.which, proc: Path = PROC, sys_folder: Path = SYS
) -> list[Finding]:
    """Return the findings of this machine, in a fixed order.

    Parameters
    ----------
    config
        Its folders and sizes are looked at.
    which
        Finds a program.
    proc, sys_folder
        Where the kernel tells of itself.
    """
    return [
        *_versions(proc),
        *_native(which),
        _compiled_kernels(),
        *_limits(proc),
        _pressure(proc),
        _pages(sys_folder),
        _peak(),
        *_folders(config),
        *_extras(),
        _jupyter_kernel(),
        _browser(which),
    ]


def _versions(proc: Path) -> Iterator[Finding]:
    found = facts(proc)
    packages = found["packages"]
    assert isinstance(packages, dict)
    yield Finding("perflab", "works", str(packages.get("perflab", "from a source tree")))
    yield Finding("Python", "works", f"{found['implementation']} {found['python']}")
    known = ", ".join(f"{name} {version}" for name, version in packages.items() if name != "perflab")
    yield Finding("packages", "works", known)
    linux = found["system"] == "Linux"
    remedy = "" if linux else "Memory limits, pressure and locks are read as Linux has them; use Linux."
    yield Finding("kernel", "works" if linux else "limited", f"{found['system']} {found['kernel']}", remedy)


def _native(which: Callable[[str], str | None]) -> Iterator[Finding]:
    compiler = next((path for name in COMPILERS if (path := which(name))), None)
    missing = [name for name in NATIVE if find_spec(f"perflab.{name}") is None]
    if missing:
        first = "" if compiler else "install a C compiler (apt-get install gcc libc6-dev), then "
        remedy = f"To record hits in less time {first}install perflab again: pip install --force-reinstall --no-deps."
        yield Finding("C modules", "limited", f"not built: {', '.join(missing)}", remedy)
    else:
        yield Finding("C modules", "works", "built")
    needed = "Needed only to build the C modules: apt-get install gcc libc6-dev."
    yield Finding("C compiler", "works" if compiler else "limited", compiler or "none", "" if compiler else needed)


def _compiled_kernels() -> Finding:
    if is_available():
        return Finding("numba", "works", "can be imported")
    return Finding(
        "numba", "limited", "cannot be imported", "For perflab whatif with other policies: pip install numba."
    )


def _limits(proc: Path) -> Iterator[Finding]:
    import resource

    found = facts(proc)
    limit, source = found["memory_limit_bytes"], found["memory_limit_from"]
    if isinstance(limit, int):
        yield Finding("memory limit", "works", f"{format_bytes(limit)}, from {source}")
    else:
        yield Finding("memory limit", "limited", "cannot be read", "Set cache_targets.max_memory_bytes yourself.")
    yield Finding("cores", "works", f"{found['usable_cores']:g} of {found['cores']} may be used")
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = files != resource.RLIM_INFINITY and files < LEAST_FILES
    remedy = f"Raise it, which is allowed up to {most}: ulimit -n {LEAST_FILES}." if few else ""
    yield Finding("open files", "limited" if few else "works", f"at most {files}", remedy)


def _pressure(proc: Path) -> Finding:
    if (proc / "pressure" / "memory").is_file():
        return Finding("pressure (PSI)", "works", "readable")
    remedy = "Its columns stay unavailable; boot the kernel with psi=1."
    return Finding("pressure (PSI)", "limited", f"{proc / 'pressure'} cannot be read", remedy)


def _pages(sys_folder: Path) -> Finding:
    path = sys_folder / "kernel/mm/transparent_hugepage/enabled"
    try:
        text = path.read_text()
    except OSError:
        return Finding("huge pages (THP)", "limited", f"{path} cannot be read", "Nothing to do; growth may be coarser.")
    chosen = text.partition("[")[2].partition("]")[0]
    if chosen != "always":
        return Finding("huge pages (THP)", "works", chosen)
    remedy = f"Memory grows in steps of 2 MB; for finer figures: echo madvise > {path}"
    return Finding("huge pages (THP)", "limited", chosen, remedy)


def _peak() -> Finding:
    if reset_peak():
        return Finding("peak memory", "works", "can be reset, so that each sample has its own")
    remedy = "Peaks of samples are then those of the whole process; allow writing to /proc/self/clear_refs."
    return Finding("peak memory", "limited", "cannot be reset", remedy)


def _folders(config: Config) -> Iterator[Finding]:
    runs = config.record.runs_dir
    yield _writable("folder of runs", runs, 0, "record.runs_dir")
    cache = config.cache.l3_dir
    if cache is None:
        yield Finding("disk tier", "works", "private to each process, removed at close")
        return
    try:
        if cache.exists():
            claim(cache)
        yield _writable("disk tier", cache, config.cache.l3_bytes, "cache.l3_dir")
    except StoreError as error:
        yield Finding("disk tier", "fails", str(cache), str(error))


def _writable(name: str, folder: Path, needed_bytes: int, setting: str) -> Finding:
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        return Finding(name, "fails", f"{folder} cannot be written", f"Allow writing to {above}, or set {setting}.")
    free = shutil.disk_usage(above).free
    if free < needed_bytes:
        remedy = f"Free space, or lower cache.l3_bytes, which is {format_bytes(needed_bytes)}."
        return Finding(name, "limited", f"{folder}, {format_bytes(free)} free", remedy)
    return Finding(name, "works", f"{folder}, {format_bytes(free)} free")


def _extras() -> Iterator[Finding]:
    for name, (module, extra) in _OPTIONAL.items():
        there = find_spec(module) is not None
        remedy = "" if there else f"If you want it: pip install 'perflab[{extra}]'."
        yield Finding(name, "works" if there else "limited", "installed" if there else "not installed", remedy)


def _jupyter_kernel() -> Finding:
    name = "Jupyter kernel"
    if find_spec("ipykernel") is None or find_spec("jupyter_client") is None:
        return Finding(name, "limited", "not installed", "If you want it: pip install 'perflab[lab]'.")
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_all_specs().get("python3", {}).get("spec", {})
    program = (spec.get("argv") or [""])[0]
    own = program in ("python", "python3") or Path(program).resolve() == Path(sys.executable).resolve()
    if own:
        return Finding(name, "works", f"python3, {program}")
    remedy = "For notebooks of this environment: python -m ipykernel install --sys-prefix."
    return Finding(name, "limited", f"python3 is {program or 'missing'}", remedy)


def _browser(which: Callable[[str], str | None]) -> Finding:
    path = next((path for name in BROWSERS if (path := which(name))), None)
    if path:
        return Finding("browser", "works", path)
    return Finding("browser", "limited", "none", "Needed only for the browser tests: apt-get install chromium.")
