"""Analysis: numbers with units from recorded frames.

In: frames and arrays. Out: frames, intervals and verdicts; no input or output, no clock, no state.
"""

from __future__ import annotations

from perflab.analyze.expression import Expression, parse
from perflab.analyze.metrics import metrics
from perflab.analyze.pairs import Comparison, compare, flag_outliers
from perflab.analyze.questions import MISS_CLASSES, lifetimes, misses, saved_seconds, self_times, working_sets
from perflab.analyze.targets import GUIDE_TARGETS, Target, config_targets, exit_code, judge, targets_for

__all__ = [
    "GUIDE_TARGETS",
    "MISS_CLASSES",
    "Comparison",
    "Expression",
    "Target",
    "compare",
    "config_targets",
    "exit_code",
    "flag_outliers",
    "judge",
    "lifetimes",
    "metrics",
    "misses",
    "parse",
    "saved_seconds",
    "self_times",
    "targets_for",
    "working_sets",
]
