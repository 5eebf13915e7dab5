"""What other sizes, policies and times to live would have done.

In: a trace, a system, a run or a `WhatIf`. Out: a panel with curves, the knee and a recommendation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.errors import ConfigError
from perflab.present import escape
from perflab.system.what_if import RECOMMENDABLE, WhatIf
from perflab.trace import Trace
from perflab.units import format_bytes
from perflab.widgets.controls import Controls
from perflab.widgets.panel import Panel, button, figure, markup, row
from perflab.widgets.prediction import Asked, Prediction, tile, tiles
from perflab.widgets.redraw import Latest

if TYPE_CHECKING:
    from perflab.system import PerformanceSystem, Run

__all__ = ["WhatIfPanel"]

_DRAWN = ("lru", "sieve", "s3fifo", "tinylfu", "belady")
_LONGEST_S = 86_400


class WhatIfPanel(Panel):
    """Curves of hit rates by size, and a setting that a hand moves over them.

    Parameters
    ----------
    source
        What was read: a `Trace`, a `WhatIf`, a system, or a run.
    target
        The hit rate that is wanted, 0..1.

    Raises
    ------
    ConfigError
        If the source is none of these.
    """

    def __init__(self, source: Trace | WhatIf | PerformanceSystem | Run, *, target: float = 0.9) -> None:
        super().__init__("What if", "what-if")
        self._source = source
        self._prediction = _prediction(source)
        self._controls = Controls(self._schemas(target), self._changed, self)
        self.form = self._controls.form
        self._tiles, self._chart, self._advice = markup(""), markup(""), markup("")
        self._latest = Latest(self.guarded(self._draw))
        self._advising = Latest(self.guarded(self._advise))
        recommend = button("Recommend", self._recommend, self, hint="The smallest setting that reaches the target")
        knee = button("Go to the knee", self._to_knee, self, hint="The size after which more room brings less")
        beside = row([self._tiles, self._chart, self._advice], "beside")
        self.fill(row([self.form, beside], "columns"), row([recommend, knee]))
        if self._prediction.is_empty:
            self.say("Nothing was read yet, so that nothing can be asked.")
        self._changed()

    def _schemas(self, target: float) -> Mapping[str, Mapping[str, Any]]:
        what_if = self._prediction.what_if
        most = max(2, what_if.sizes()[-1]) if not self._prediction.is_empty else 2
        current = what_if.current
        size = {
            "type": "integer",
            "minimum": 1,
            "maximum": max(4 * most, current.size if current else 0),
            "default": current.size if current else max(1, most // 8),
            "title": "size",
            "description": f"room in the cache; {what_if.unit}",
        }
        living = {"type": "number", "minimum": 0.001, "maximum": _LONGEST_S}
        return {
            "policy": {
                "enum": list(RECOMMENDABLE),
                "default": current.policy if current else "lru",
                "description": "which entry leaves first",
            },
            f"size_{what_if.unit}": size,
            "target": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "default": target,
                "description": "hit rate that is wanted; ratio",
            },
            "ttl_s": {
                "anyOf": [living, {"type": "null"}],
                "default": None,
                "title": "time to live",
                "description": "one more curve, of lru with values that live so long; unset: none",
            },
            "curves": {
                "type": "array",
                "items": {"enum": [*RECOMMENDABLE, "belady"]},
                "default": list(_DRAWN),
                "description": "policies to draw; belady knows the future and is a bound",
            },
        }

    @property
    def shown(self) -> str:
        """The HTML of figures, chart and recommendation."""
        return f"{self._tiles.value}{self._chart.value}{self._advice.value}"

    def settle(self, timeout_s: float) -> bool:
        """Wait until what is shown is what the controls ask for, and what was asked to be recommended."""
        return self._advising.wait(timeout_s) and self._latest.wait(timeout_s)

    @property
    def asked(self) -> Asked:
        """What the controls say."""
        values = self._controls.values
        return Asked(
            str(values["policy"]),
            int(values[f"size_{self._prediction.what_if.unit}"]),
            float(values["target"]),
            tuple(values["curves"]),
            values["ttl_s"],
        )

    def _changed(self) -> None:
        if not self._prediction.is_empty:
            self._latest.want(self.asked)

    def _draw(self, asked: Asked) -> None:
        with self.telling():
            found = self._prediction
            chart = figure(found.chart(asked))
            note = f'<p class="note">{escape.html(found.note)}</p>' if found.note else ""
            made = [*found.tiles(asked), self._knee_tile()]
            self._tiles.value, self._chart.value = tiles(made, "The chosen setting"), chart + note

    def _knee_tile(self) -> str:
        knee = self._prediction.what_if.curve("lru").knee()
        if knee is None:
            return tile("knee of lru", "none", "no size has a hit")
        rate = self._prediction.what_if.curve("lru").at(knee)
        return tile("knee of lru", self._named(knee), f"hit rate {rate * 100:.1f} %; more room brings less")

    def _named(self, size: int) -> str:
        return format_bytes(size) if self._prediction.what_if.unit == "bytes" else f"{size:,} entries"

    def _to_knee(self) -> None:
        knee = None if self._prediction.is_empty else self._prediction.what_if.curve("lru").knee()
        if knee is None:
            raise ConfigError("No size has a hit, so that there is no knee; read some keys more than once.")
        self._controls.set("policy", "lru")
        self._controls.set(f"size_{self._prediction.what_if.unit}", knee)
        self.say(f"The knee is at {self._named(knee)}.")

    def _recommend(self) -> None:
        self.say("Looking for the smallest setting that reaches the target.")
        self._advising.want(self.asked)

    def _advise(self, asked: Asked) -> None:
        with self.telling():
            found = self._prediction.what_if.recommend("hit_rate", {"hit_rate": asked.target})
        self._advice.value = f'<p class="advice"><b>Recommended:</b> {escape.html(found)}</p>'
        if found.setting is None:
            self.say(f"Nothing can be recommended: {found.reason}")
            return
        self._controls.set("policy", found.setting.policy)
        self._controls.set(f"size_{self._prediction.what_if.unit}", found.setting.size)
        self.say("The controls show what is recommended.")


def _prediction(source: Any) -> Prediction:
    if isinstance(source, WhatIf):
        return Prediction(source.trace, source.current)
    if isinstance(source, Trace):
        return Prediction(source)
    if hasattr(source, "frames"):
        return Prediction.of_frames(source)
    raise ConfigError(
        f"A what-if panel is asked about a {type(source).__name__}; give a trace, a WhatIf, a system or a run."
    )
