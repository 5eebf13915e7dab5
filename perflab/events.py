"""Events: what happened, told to whoever asked.

In: a name and a payload. Out: a recorded row and a call of each listener; a listener that raises harms nobody else.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from blinker import Signal

from perflab.errors import ConfigError

__all__ = ["EVENTS", "Events"]

EVENTS = (
    "optimization_complete",
    "memory_warning",
    "cpu_warning",
    "file_optimized",
    "benchmark_complete",
    "config_changed",
    "alert",
)

Listener = Callable[[Mapping[str, Any]], object]


class _Receiver:
    """One listener of one event, whose exceptions reach nobody else."""

    def __init__(self, name: str, listener: Listener) -> None:
        self._name, self._listener = name, listener
        self._failed = False

    def __call__(self, payload: Mapping[str, Any]) -> str | None:
        """Call the listener; return what to warn of, the first time that it raises."""
        try:
            self._listener(payload)
        except Exception as error:
            failed, self._failed = self._failed, True
            return None if failed else f"{self._listener!r} raised {type(error).__name__}: {error}"
        return None


class Events:
    """Named events and their listeners.

    Parameters
    ----------
    record
        Called with `name` and `payload` (JSON text) for each event; the recorder's way in.

    Examples
    --------
    >>> events = Events()
    >>> stop = events.on("memory_warning", lambda data: print(data["usage"]))
    >>> events.emit("memory_warning", usage=7)
    7
    >>> stop()
    >>> events.emit("memory_warning", usage=8)
    """

    def __init__(self, record: Callable[..., None] | None = None) -> None:
        self._record = record
        self._signals = {name: Signal() for name in EVENTS}

    def on(self, name: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the payload of each event of this name; return what ends that.

        Raises
        ------
        ConfigError
            If there is no such event.
        """
        signal = self._signal(name)

        receive = _Receiver(name, listener)
        signal.connect(receive, weak=False)
        return lambda: signal.disconnect(receive)

    def emit(self, name: str, **payload: Any) -> None:
        """Record the event and call its listeners in the order in which they came.

        A listener's first exception becomes a warning that names event and listener; it is called again at the next
        event, and warns no more.
        """
        signal = self._signal(name)
        if self._record is not None:
            self._record("events", name=name, payload=json.dumps(payload, default=str, sort_keys=True))
        problems = [receive(payload) for receive in signal.receivers_for(None)]
        for problem in filter(None, problems):  # all were called: a warning may be an error here
            warnings.warn(
                f"A listener of {name!r}, {problem}; the others were called, and it warns no more.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _signal(self, name: str) -> Signal:
        if name not in self._signals:
            raise ConfigError(f"{name!r} is no event; the events are {', '.join(EVENTS)}.")
        return self._signals[name]
