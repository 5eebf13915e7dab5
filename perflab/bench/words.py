"""The last words of a process, however much it says.

In: the reading end of a pipe that takes its standard error. Out: the end of what was said; nothing fills a disk.
"""

from __future__ import annotations

import os
import threading

__all__ = ["LastWords"]

_TAIL_BYTES = 2000
_LONGEST = 300
_WAIT_S = 0.5


class LastWords:
    """Reads a pipe to its end in a thread, and keeps the last 2,000 bytes.

    Parameters
    ----------
    pipe
        Descriptor to read; it is closed at the end of what is said.

    Examples
    --------
    >>> read, write = os.pipe()
    >>> words = LastWords(read)
    >>> _ = os.write(write, b"first\\nlast\\n"), os.close(write)
    >>> words.line()
    'last'
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._tail = b""
        self._thread = threading.Thread(target=self._listen, name="perflab-last-words", daemon=True)
        self._thread.start()

    def line(self) -> str:
        """Return the last line; waits a moment for what is still under way."""
        self._thread.join(_WAIT_S)
        lines = self._tail.decode("utf-8", "backslashreplace").strip().splitlines()
        return lines[-1].strip()[:_LONGEST] if lines else ""

    def close(self) -> None:
        """Wait for the end; a process that outlives its group keeps the thread, which ends with it."""
        self._thread.join(_WAIT_S)

    def _listen(self) -> None:
        try:
            while data := os.read(self._pipe, 65_536):
                self._tail = (self._tail + data)[-_TAIL_BYTES:]
        finally:
            os.close(self._pipe)
