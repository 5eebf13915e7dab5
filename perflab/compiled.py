"""Functions that numba compiles once and keeps on disk.

In: a function over numpy arrays. Out: the same, compiled when it is first called; whoever waits for that is told.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast

from perflab.errors import PerflabError

__all__ = ["Kernel", "inlined", "is_available", "kernel", "part", "telling"]

P = ParamSpec("P")
R = TypeVar("R")


@cache
def is_available() -> bool:
    """Return whether numba can be used; it refuses to be imported where it does not fit numpy or Python."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


class Kernel(Generic[P, R]):
    """A compiled function; it holds no lock of the interpreter while it runs.

    Parameters
    ----------
    function
        What is compiled.
    announce
        Told, in a sentence, what the first call waits for where nothing is kept on disk yet.

    Raises
    ------
    PerflabError
        If numba cannot be used.
    """

    def __init__(self, function: Callable[P, R], announce: Callable[[str], object]) -> None:
        self._name = function.__name__
        self._sources = Path(inspect.getfile(function)).parent
        self._compiled = _compiled(function)
        self._announce = announce
        self._lock = threading.Lock()
        self._is_told = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if not self._is_told:
            with self._lock:
                self._tell()
        return cast("R", self._compiled(*args, **kwargs))

    @property
    def folder(self) -> str | None:
        """Where compiled code is kept; None if no folder can be written, so that each process compiles anew."""
        return cast("str | None", self._compiled.stats.cache_path)

    def _tell(self) -> None:
        folder = self.folder
        if not self._is_told and not self._is_kept(folder):
            kept = f"the result is kept in {folder}" if folder else "no folder can be written to keep the result in"
            self._announce(f"perflab compiles {self._name!r} for its first use, a few seconds; {kept}.")
        self._is_told = True

    def _is_kept(self, folder: str | None) -> bool:
        """Return whether the result is on disk; what is older than a source beside the kernel's own is thrown away.

        numba looks at the kernel's own file alone, and not at those of the functions that it calls.
        """
        indexes = [] if folder is None else list(Path(folder).glob(f"*.{self._name}-*.nbi"))
        newest = max((source.stat().st_mtime for source in self._sources.glob("*.py")), default=0.0)
        old = [index for index in indexes if index.stat().st_mtime < newest]
        for index in old:
            with contextlib.suppress(OSError):  # another process may have done it, or the folder is read-only
                index.unlink()
        return len(indexes) > len(old)


def kernel(function: Callable[P, R]) -> Kernel[P, R]:
    """Compile a function for calls from Python; the first of them says on a terminal if it has to be waited for."""
    return Kernel(function, lambda text: _listeners[-1](text))


def _to_who_waits(text: str) -> None:
    # In a notebook, or in another program's pipe, a line on stderr is taken for something that went wrong.
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
    else:
        _log.info(text)


_log = logging.getLogger("perflab.compiled")
_listeners: list[Callable[[str], object]] = [_to_who_waits]


@contextlib.contextmanager
def telling(listener: Callable[[str], object]) -> Iterator[None]:
    """Tell somebody else than the terminal what is waited for, whichever thread waits: a panel has a line for that.

    Examples
    --------
    >>> with telling(print):
    ...     _listeners[-1]("compiling")
    compiling
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def part(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function for calls from kernels, which are in files of the same folder."""
    return cast("Callable[P, R]", _compiled(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Put a function into the kernels that call it, as `part`: worth the time where calls are half of what it takes."""
    return cast("Callable[P, R]", _compiled(function, inline="always"))


def _compiled(function: Callable[..., Any], inline: Literal["never", "always"] = "never") -> Any:
    if not is_available():
        raise PerflabError(
            "numba cannot be imported, so nothing can be simulated; install it with: pip install numba "
            "(without it the curve of 'lru' alone is estimated)."
        )
    import numba

    try:
        compiled = numba.njit(cache=True, nogil=True, inline=inline)(function)
    except RuntimeError:  # neither the package's folder nor one of the user's can be written
        return numba.njit(nogil=True, inline=inline)(function)
    # What is kept there is code, in pickles: nobody else may have put it there.
    return compiled if _is_safe(compiled.stats.cache_path) else numba.njit(nogil=True, inline=inline)(function)


def _is_safe(folder: str | None) -> bool:
    """Return whether this user and the system alone can write what numba keeps in a folder."""
    if folder is None:
        return True
    found = Path(folder).stat()
    return found.st_uid in (0, os.geteuid()) and not found.st_mode & stat.S_IWOTH
