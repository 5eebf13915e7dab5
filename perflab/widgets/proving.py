"""What a changed config would do, proved by replaying what was recorded through live caches of both.

In: a system, another config. Out: HTML with the verdict, and a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.errors import PerflabError
from perflab.optimize.price import observed
from perflab.optimize.prove import Proof, prove_by_replay
from perflab.optimize.setting import MemorySetting
from perflab.optimize.tune import LEAST_ACCESSES
from perflab.present import escape
from perflab.present.theme import VERDICTS
from perflab.system.apply import changes
from perflab.widgets.prediction import tile, tiles

if TYPE_CHECKING:
    from perflab.config import Config
    from perflab.system import PerformanceSystem

__all__ = ["proof_html", "prove"]

_MOST_REPLAYED = 20_000
_REPLAYED = ("cache.l1_", "cache.l2_", "cache_targets.max_memory_bytes")
"""Beginnings of the settings that a replay knows of."""

_AS = {"confirmed": "pass", "refuted": "fail", "indistinguishable": "unclear"}


def prove(system: PerformanceSystem, config: Config) -> Proof:
    """Replay the newest accesses through memory tiers as they are set and as they would be, in ABBA order.

    Raises
    ------
    PerflabError
        If sizes, policy and time to live of the memory tiers do not differ, or too little was recorded.
    """
    present, candidate = MemorySetting.of(system.config), MemorySetting.of(config)
    if present == candidate:
        raise PerflabError(
            "Sizes, policy of l1 and time to live of the memory tiers are those in force; change one of them, or prove "
            "other settings with system.optimize(workload=...)."
        )
    found = observed(system.frames.accesses).last(_MOST_REPLAYED)
    if len(found) < LEAST_ACCESSES:
        raise PerflabError(f"{len(found):,} accesses were recorded; a proof takes {LEAST_ACCESSES:,} or more.")
    settings = config.benchmark
    start = len(found) // 2
    proof = prove_by_replay(found, present, candidate, start=start, band_ratio=settings.band_ratio, seed=settings.seed)
    assert proof is not None, "nobody cancels it"
    return proof


def proof_html(proof: Proof, system: PerformanceSystem, config: Config) -> str:
    """Return the verdict with its interval, and which of the changed settings it says nothing of."""
    mark, role = VERDICTS[_AS[proof.verdict]]
    between = f"{proof.low:.3f} to {proof.high:.3f}"
    figures = [
        tile("time waited, new / in force", f"{proof.ratio:.3f}", f"{mark} {proof.verdict}", role),
        tile("95 % interval", between, f"of {proof.n:,} accesses"),
    ]
    others = [path for path in changes(system.config, config) if not path.startswith(_REPLAYED)]
    said = f"{proof.how[:1].upper()}{proof.how[1:]}."
    said += f" It says nothing of {', '.join(others)}." if others else ""
    return f'{tiles(figures, "Proof")}<p class="note">{escape.html(escape.shorten(said, 400))}</p>'
