"""The cross-validation workload: every document against every other and against the code.

In: a folder of documents and the corpus that they were made from. Out: findings, their digest and counts of work.
"""

from __future__ import annotations

from perflab.workloads.crossvalidate.finding import RULES, Finding, digest
from perflab.workloads.crossvalidate.naive import validate_naive
from perflab.workloads.crossvalidate.optimized import validate_optimized
from perflab.workloads.crossvalidate.plant import DEFAULT_COUNTS, Planted, plant
from perflab.workloads.crossvalidate.score import ALL, Score, score
from perflab.workloads.crossvalidate.validated import Validated

__all__ = [
    "ALL",
    "DEFAULT_COUNTS",
    "RULES",
    "Finding",
    "Planted",
    "Score",
    "Validated",
    "digest",
    "plant",
    "score",
    "validate_naive",
    "validate_optimized",
]
