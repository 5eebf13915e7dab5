"""Every plot, under one name: `plots.targets(frame)`, `plots.latency(frame)`, and so on.

In: frames of `perflab.record.frames`. Out: matplotlib Figures; with too little data, one that says what is missing.
"""

from __future__ import annotations

from perflab.present.before_after import before_after
from perflab.present.hit_rate import hit_rate
from perflab.present.latency import latency
from perflab.present.optimizations import optimizations
from perflab.present.resources import resources
from perflab.present.targets_plot import targets

__all__ = ["before_after", "hit_rate", "latency", "optimizations", "resources", "targets"]
