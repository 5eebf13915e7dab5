"""Faults caused on purpose, against a pipeline of the user's own.

In: a config, a workload, names of faults. Out: what was caused, and what of it the pipeline survived.
"""

from __future__ import annotations

from perflab.system.faults.chaos import chaos
from perflab.system.faults.result import ChaosResult, Survival
from perflab.system.faults.table import FAULTS

__all__ = ["FAULTS", "ChaosResult", "Survival", "chaos"]
