"""How well the findings name the defects that were planted.

In: findings and planted defects. Out: precision and recall, overall and of each rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from perflab.workloads.crossvalidate.finding import RULES, Finding
from perflab.workloads.crossvalidate.plant import Planted

__all__ = ["ALL", "Score", "score"]

ALL = "all"


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one rule, or of `all` rules together.

    A finding is right if a defect with its rule and subject was planted; a planted defect is named if a finding has
    its rule and subject.
    """

    rule: str
    planted: int
    named: int
    findings: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the findings that are right; NaN without findings."""
        return self.right / self.findings if self.findings else math.nan

    @property
    def recall(self) -> float:
        """Share of the planted defects that are named; NaN if none was planted."""
        return self.named / self.planted if self.planted else math.nan


def score(findings: Iterable[Finding], planted: Iterable[Planted]) -> list[Score]:
    """Return the scores of all rules together and of each rule, in the order of `RULES`.

    Examples
    --------
    >>> finding = Finding("a.md", 3, "missing-path", "x.py", "x.py is missing")
    >>> total, *_ = score([finding], [Planted("missing-path", "a.md", "x.py"), Planted("missing-path", "b.md", "y.py")])
    >>> total.precision, total.recall
    (1.0, 0.5)
    """
    findings, planted = list(findings), list(planted)
    return [_score(ALL, findings, planted)] + [
        _score(rule, [f for f in findings if f.rule == rule], [p for p in planted if p.rule == rule]) for rule in RULES
    ]


def _score(rule: str, findings: list[Finding], planted: list[Planted]) -> Score:
    sought = {(defect.rule, defect.subject) for defect in planted}
    said = {(finding.rule, finding.subject) for finding in findings}
    return Score(
        rule=rule,
        planted=len(planted),
        named=sum((defect.rule, defect.subject) in said for defect in planted),
        findings=len(findings),
        right=sum((finding.rule, finding.subject) in sought for finding in findings),
    )
