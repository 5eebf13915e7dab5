"""What a cache setting would have done with a trace, in the form in which panels show it.

In: a trace, a setting, a target. Out: tiles and a chart, as HTML.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perflab.present import escape
from perflab.present.theme import VERDICTS
from perflab.system.traces import whatif, with_setting
from perflab.trace import Setting
from perflab.units import format_bytes, format_seconds
from perflab.widgets.rows import newest_frames

if TYPE_CHECKING:
    from perflab.analyze.curve import Curve
    from perflab.system import PerformanceSystem, Run
    from perflab.system.what_if import WhatIf
    from perflab.trace import Trace

__all__ = ["MOST_ACCESSES", "Asked", "Prediction", "memory_tile", "tile", "tiles"]

MOST_ACCESSES = 500_000
"""Accesses that a panel looks at: the newest. Curves of more take longer than a hand waits."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a panel wants to know.

    Attributes
    ----------
    policy, size
        The setting; the size in the trace's unit.
    target
        Hit rate, 0..1.
    policies
        Whose curves to draw beside that of the setting.
    ttl_s
        Time to live, for one more curve of LRU; None for none.
    """

    policy: str
    size: int
    target: float
    policies: tuple[str, ...] = ("lru", "belady")
    ttl_s: float | None = None

    @property
    def drawn(self) -> tuple[str, ...]:
        """The policies whose curves are drawn."""
        return tuple(dict.fromkeys([self.policy, *self.policies]))


class Prediction:
    """Answers about one trace.

    Attributes
    ----------
    what_if : WhatIf
        All questions to the trace.
    note : str
        What part of it was looked at, if not all; else empty.
    """

    def __init__(self, trace: Trace, current: Setting | None = None) -> None:
        self.note = ""
        if len(trace) > MOST_ACCESSES:
            self.note = f"Of {len(trace):,} accesses the last {MOST_ACCESSES:,} were looked at."
            trace = trace.part(len(trace) - MOST_ACCESSES, len(trace))
        self.what_if: WhatIf = whatif(trace, current=current)

    @classmethod
    def of_frames(cls, source: PerformanceSystem | Run) -> Prediction:
        """Return the answers about what a system or a run read; of very many rows the newest are read alone."""
        frames, left_out = newest_frames(source.frames)
        made = cls(with_setting(frames.trace("the recorded reads"), source.config))
        made.note = f"{left_out} {made.note}".strip()
        return made

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to predict from."""
        return len(self.what_if.trace) == 0

    def rate(self, asked: Asked) -> float:
        """Return the hit rate of the setting, exactly."""
        return self.what_if.hit_rate(asked.policy, asked.size) if asked.size else 0.0

    def saved_s(self, asked: Asked) -> float:
        """Return the seconds of loads saved against the setting in force; NaN if no load was timed."""
        return self.what_if.saved_seconds(asked.policy, asked.size) if asked.size else math.nan

    def tiles(self, asked: Asked) -> list[str]:
        """Return the hit rate held against the target, and the seconds saved."""
        rate = self.rate(asked)
        verdict = "pass" if rate >= asked.target else "fail"
        mark, role = VERDICTS[verdict]
        said = f"{mark} {'reaches' if verdict == 'pass' else 'misses'} the target of {asked.target:.0%}"
        saved = self.saved_s(asked)
        than = "against the setting in force" if self.what_if.current else "against no cache"
        shown = "unavailable" if math.isnan(saved) else format_seconds(abs(saved))
        return [
            tile("predicted hit rate", f"{rate * 100:.1f} %", said, role),
            tile(
                "more loading, predicted" if saved < 0 else "less loading, predicted",
                shown,
                "no load was timed" if math.isnan(saved) else than,
            ),
        ]

    def chart(self, asked: Asked) -> str:
        """Return the curves with the setting marked on its own."""
        from perflab.present.what_if_chart import what_if_chart

        chosen = Setting(asked.policy, asked.size) if asked.size else None
        curves = [self.what_if.curve(policy) for policy in asked.drawn]
        if asked.ttl_s is not None:
            curves.append(self._living(asked.ttl_s, curves))
        current = self.what_if.current
        return what_if_chart(curves, chosen=chosen, current=current, target=asked.target, rate_of=self._rate_of)

    def _rate_of(self, setting: Setting) -> float:
        return self.what_if.hit_rate(setting.policy, setting.size)

    def _living(self, ttl_s: float, curves: Sequence[Curve]) -> Curve:
        """Return the curve of LRU if values live so long only."""
        import numpy as np

        from perflab.analyze.curve import Curve

        rates = self.what_if.surface([ttl_s])
        sizes = np.asarray(rates.columns, dtype=np.int64)
        unknown = np.full(len(sizes), math.nan)
        row = rates.to_numpy(dtype=np.float64)[0]
        return Curve("lru with TTL", curves[0].unit, sizes, row, unknown, unknown, f"simulated, {ttl_s:g} s to live")


def tile(name: str, value: str, said: str = "", role: str = "muted") -> str:
    """Return one figure with its name, and a few words in a role's colour; the words say what the colour says."""
    below = f'<span class="{role}">{escape.html(said)}</span>' if said else ""
    return f'<li><span class="muted">{escape.html(name)}</span><b>{escape.html(value)}</b>{below}</li>'


def tiles(made: Sequence[str], label: str) -> str:
    """Return tiles as a list with a name."""
    return f'<ul class="tiles" aria-label="{escape.html(label)}">{"".join(made)}</ul>'


def memory_tile(held: int, allowed: int) -> str:
    """Return the memory that tiers may hold, against what they are allowed together."""
    mark, role = VERDICTS["pass" if held <= allowed else "fail"]
    return tile("memory of l1 and l2", format_bytes(held), f"{mark} of {format_bytes(allowed)} allowed", role)
