"""The host and the cache, live.

In: a system at work. Out: a panel that draws itself anew until it is paused or closed, or the system is.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from perflab.present import escape
from perflab.present.live import cpu_chart, hit_rate_chart, memory_chart
from perflab.present.read import number
from perflab.present.sections import effects, optimizations
from perflab.units import format_quantity
from perflab.widgets.controls import Controls
from perflab.widgets.following import Following
from perflab.widgets.panel import Panel, button, figure, markup, need_system, row
from perflab.widgets.prediction import tile, tiles
from perflab.widgets.rows import newest_frames, shown_rows

if TYPE_CHECKING:
    import pandas as pd

    from perflab.system import PerformanceSystem

__all__ = ["Monitor"]

_drawing: weakref.WeakKeyDictionary[PerformanceSystem, weakref.ref[Monitor]] = weakref.WeakKeyDictionary()
"""The monitor that draws, of each system."""

_LEAST_S = 0.5
_EVENTS = 8


class Monitor(Panel):
    """CPU, memory, hit rate by tier, events and relief steps, as they happen.

    Parameters
    ----------
    system
        What is watched.
    window_s
        Seconds that the charts show.
    every_s
        Seconds between two drawings; by default the interval of the system's own monitor.
    clock
        Seconds that never go back.

    Raises
    ------
    ConfigError
        If it is given no system.
    """

    def __init__(
        self,
        system: PerformanceSystem,
        *,
        window_s: float = 60.0,
        every_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        need_system(system, "monitor")
        super().__init__("Monitor", "monitor")
        self._system, self._every_s, self._clock = system, every_s, clock
        self._managed: deque[tuple[float, float]] = deque()
        self._reads: deque[tuple[float, Counter[str]]] = deque()
        self._last: Any = None
        self._lock = threading.RLock()  # a hand may ask for a drawing while the thread looks
        self._controls = Controls(_schemas(window_s), self._redraw, self)
        self.form = self._controls.form
        self.pause_button = button("Pause", self.pause, self)
        self._tiles, self._charts, self._relief = markup(""), markup(""), markup("")
        self.fill(row([self.form, self.pause_button]), self._tiles, self._charts, self._relief)
        self._following = Following(self.guarded(self._look), self._pace)
        self._begin()

    @property
    def is_on(self) -> bool:
        """Whether it draws itself anew."""
        return self._following.is_on

    @property
    def shown(self) -> str:
        """The HTML of figures, charts, events and relief."""
        return f"{self._tiles.value}{self._charts.value}{self._relief.value}"

    def pause(self) -> None:
        """Stop drawing, or go on."""
        if self._following.is_on:
            self._following.stop()
            self.say("Paused; the system records on.")
        else:
            self.say("")
            self._begin()
        self._name_button()

    def _begin(self) -> None:
        # A cell that is run again makes another monitor, and nobody closes the one before.
        before = _drawing.get(self._system)
        other = None if before is None else before()
        if other is not None and other is not self and other.is_on:
            other.pause()
            other.say("Paused, as a newer monitor of this system draws.")
        _drawing[self._system] = weakref.ref(self)
        self._following.start()

    def _name_button(self) -> None:
        self.pause_button.description = "Pause" if self._following.is_on else "Go on"

    def stop_waiting(self, timeout_s: float) -> None:
        """Wait until a drawing that is under way has ended."""
        self._following.join(timeout_s)

    def close(self) -> None:
        """End the panel; the system goes on."""
        self._following.stop()
        super().close()

    def look(self) -> None:
        """Take what was recorded since the last look, and draw."""
        with self._lock:
            now = self._clock()
            stats = self._system.cache
            self._managed.append((now, float(stats.l1.nbytes + stats.l2.nbytes)))
            self._reads.append((now, self._read()))
            for kept in (self._managed, self._reads):
                while kept and now - kept[0][0] > self._window_s:
                    kept.popleft()
            self._draw(now)

    def _look(self) -> bool:
        if self.is_closed:
            return False
        if self._system.is_closed:
            self.look()
            self.pause_button.disabled = True
            self.say("The system is closed; this is how it ended.")
            return False
        self.look()
        return True

    @property
    def _window_s(self) -> float:
        return float(self._controls.values["window_s"])

    def _pace(self) -> float:
        return max(_LEAST_S, self._every_s or self._system.config.resource_monitoring.interval_s)

    def _redraw(self) -> None:
        with self._lock:
            if self._managed:
                self._draw(self._managed[-1][0])

    @property
    def _has_times(self) -> bool:
        return self._system.config.record.timestamps != "off"

    def _read(self) -> Counter[str]:
        """Return the hits by tier, and the misses, since the last look; nothing where hits have no time."""
        if not self._has_times:
            return Counter()
        frames, since = self._system.frames, self._last
        if since is None:
            # What was recorded before the window is in no chart, and there may be very much of it.
            frames, left_out = newest_frames(frames)
            since = f"-{self._window_s:g}s"
            if left_out:
                self.say(f"At the start: {left_out}")
        rows = frames.select("accesses", ["t", "event", "tier"], event=("hit", "miss"), since=since)
        if self._last is not None:
            rows = rows[rows["t"] > self._last]
        if len(rows) and not rows["t"].isna().all():
            self._last = rows["t"].max().to_pydatetime()
        hits = rows[rows["event"] == "hit"]["tier"].value_counts()
        counts = Counter({str(tier): int(count) for tier, count in hits.items()})
        counts["miss"] = int((rows["event"] == "miss").sum())
        return counts

    def _draw(self, now: float) -> None:
        config, window = self._system.config, self._window_s
        resources = self._system.frames.select("resources", since=f"-{window:g}s")
        limits = config.resource_monitoring
        managed = [(at - now, size) for at, size in self._managed]
        reads = [(at - now, counts) for at, counts in self._reads]
        charts = (
            ("CPU, share of all cores", cpu_chart(resources, window, limits.cpu_threshold_ratio)),
            ("Memory", memory_chart(resources, managed, window, limits.memory_threshold_bytes)),
            ("Hit rate by tier", hit_rate_chart(reads, window, config.cache_targets.hit_rate)),
        )
        events, relief = self._happened(window)
        parts = [f"<div><h4>{name}</h4>{figure(chart)}</div>" for name, chart in charts]
        self._tiles.value = tiles(self._figures(resources), "Now")
        self._charts.value = f'<div class="charts">{"".join(parts)}<div>{events}</div></div>'
        self._relief.value = relief

    def _figures(self, resources: pd.DataFrame) -> list[str]:
        # Some samples tell memory alone: of each figure the last that is known.
        last: Mapping[Any, Any] = {} if not len(resources) else resources.ffill().iloc[-1].to_dict()
        managed = self._managed[-1][1] if self._managed else 0.0
        held = number(last.get("rss_bytes"))
        counts: Counter[str] = sum((found for _, found in self._reads), Counter())
        total = counts.total()
        rate = (total - counts["miss"]) / total if total else float("nan")
        of = f"of {total:,} accesses in the window" if self._has_times else "hits have no time: record.timestamps"
        return [
            tile("CPU, this program", format_quantity(number(last.get("process_cpu_ratio")), "ratio")),
            tile("CPU, whole host", format_quantity(number(last.get("cpu_ratio")), "ratio")),
            tile("memory, managed", format_quantity(managed, "bytes"), "in l1 and l2"),
            tile("memory, unmanaged", format_quantity(held - managed, "bytes"), "the rest of the program"),
            tile("memory limit", format_quantity(number(last.get("limit_bytes")), "bytes"), "of this machine or group"),
            tile("hit rate", format_quantity(rate, "ratio"), of),
        ]

    def _happened(self, window_s: float) -> tuple[str, str]:
        since = f"-{window_s:g}s"
        events = self._system.frames.select("events", ["t", "name", "payload"], since=since).tail(_EVENTS)
        tried = self._system.frames.optimizations
        relief = tried[tried["trigger"] == "memory_pressure"].tail(_EVENTS)
        steps, changed = optimizations(relief), effects(relief)
        happened = shown_rows("events", events.assign(payload=events["payload"].map(_in_words)), "Events of the window")
        return (
            happened.html() if happened else _none("No event in the window."),
            replace(steps, caption="Relief of memory, step by step").html() + (changed.html() if changed else "")
            if steps
            else _none("No relief was needed."),
        )


def _schemas(window_s: float) -> dict[str, dict[str, Any]]:
    window = {"type": "number", "minimum": 5, "maximum": 3600, "default": window_s}
    return {"window_s": {**window, "title": "window", "description": "seconds that the charts show"}}


def _in_words(payload: object) -> str:
    """Return what an event says, which is recorded as JSON, for people."""
    said = json.loads(payload) if isinstance(payload, str) else {}
    shown = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in said.items()}
    return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in shown.items())


def _none(said: str) -> str:
    return f'<p class="note">{escape.html(said)}</p>'
