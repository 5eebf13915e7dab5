"""Optimizers: warm, prefetch, relieve, tune, prove, and when to run them.

In: a tiered cache and what was recorded of it. Out: settings changed, each with its measured effect, or left alone.
"""

from __future__ import annotations

from perflab.optimize.drift import Drift, Slowdown
from perflab.optimize.ladder import Ladder
from perflab.optimize.plan import Phase, Plan
from perflab.optimize.prefetch import Prefetcher
from perflab.optimize.prove import Proof
from perflab.optimize.relieve import Relief
from perflab.optimize.relieving import Relieving
from perflab.optimize.result import OptimizationResult, attempt
from perflab.optimize.single import OneAtATime
from perflab.optimize.steps import Step
from perflab.optimize.trigger import AutoOptimizer, Signals
from perflab.optimize.warm import Warming

__all__ = [
    "AutoOptimizer",
    "Drift",
    "Ladder",
    "OneAtATime",
    "OptimizationResult",
    "Phase",
    "Plan",
    "Prefetcher",
    "Proof",
    "Relief",
    "Relieving",
    "Signals",
    "Slowdown",
    "Step",
    "Warming",
    "attempt",
]
