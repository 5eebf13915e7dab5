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
)

Listener = Callable[[Mapping[str, Any]], object]


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

        def receive(payload: Mapping[str, Any]) -> object:
            return listener(payload)

        signal.connect(receive, weak=False)
        return lambda: signal.disconnect(receive)

    def emit(self, name: str, **payload: Any) -> None:
        """Record the event and call its listeners in the order in which they came.

        A listener's exception becomes one warning that names event and listener.
        """
        signal = self._signal(name)
        if self._record is not None:
            self._record("events", name=name, payload=json.dumps(payload, default=str, sort_keys=True))
        for receive in signal.receivers_for(None):
            try:
                receive(payload)
            except Exception as error:
                warnings.warn(
                    f"A listener of {name!r} raised {type(error).__name__}: {error}; the others were called.",
                    RuntimeWarning,
                    stacklevel=2,
                )

    def _signal(self, name: str) -> Signal:
        if name not in self._signals:
            raise ConfigError(f"{name!r} is no event; the events are {', '.join(EVENTS)}.")
        return self._signals[name]
