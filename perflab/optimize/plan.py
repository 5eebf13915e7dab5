"""What an optimization sets out to do, in which order, and why.

In: settings that differ. Out: `Plan`: phases, each with a reason and the knobs that it turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Phase", "Plan"]


@dataclass(frozen=True, slots=True)
class Phase:
    """Knobs that are turned together, and why they are turned at that point.

    Attributes
    ----------
    name : str
        `memory`, `policy`, `time to live`, `work`, `prefetching`, `watch` or `relief`.
    reason : str
        One sentence.
    knobs : tuple of str
        Settings, by their paths in the config.
    """

    name: str
    reason: str
    knobs: tuple[str, ...]

    def __str__(self) -> str:
        turned = f": {', '.join(self.knobs)}" if self.knobs else ""
        return f"{self.name}{turned}. {self.reason}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The phases of an optimization, in order.

    Examples
    --------
    >>> print(Plan((Phase("policy", "It is expected to save most.", ("cache.l1_policy",)),)))
    1. policy: cache.l1_policy. It is expected to save most.
    """

    phases: tuple[Phase, ...] = ()

    def __str__(self) -> str:
        return "\n".join(f"{number}. {phase}" for number, phase in enumerate(self.phases, 1))

    def as_list(self) -> list[dict[str, Any]]:
        """Return the phases as plain data, for JSON."""
        return [{"name": phase.name, "reason": phase.reason, "knobs": list(phase.knobs)} for phase in self.phases]
