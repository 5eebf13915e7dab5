"""What people ask of a run, where the answer takes more than a line of pandas.

In: the frames `accesses` and `operations`, whole or filtered, of one run or of several. Out: frames, one row an answer.
"""

from __future__ import annotations

from perflab.analyze.questions.lifetimes import lifetimes
from perflab.analyze.questions.misses import MISS_CLASSES, misses
from perflab.analyze.questions.savings import saved_seconds
from perflab.analyze.questions.self_time import self_times
from perflab.analyze.questions.working_set import working_sets

__all__ = ["MISS_CLASSES", "lifetimes", "misses", "saved_seconds", "self_times", "working_sets"]
