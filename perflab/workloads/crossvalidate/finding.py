"""What a rule says about a document: one frozen, ordered record.

In: rule, place, subject and message. Out: `Finding`, and one digest of many of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass

__all__ = ["RULES", "Finding", "digest"]

RULES: tuple[str, ...] = (
    "contradicting-quantity",
    "default",
    "duplicate-identifier",
    "missing-path",
    "missing-symbol",
    "near-duplicate-section",
    "signature",
    "stale-digest",
    "task-cycle",
    "uncovered-design",
    "uncovered-requirement",
    "undefined-identifier",
)


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One defect. Findings sort by document, line, rule, subject and message.

    Attributes
    ----------
    document
        Path of the document within the document folder.
    line
        Line of the document, from 1.
    rule
        One of `RULES`.
    subject
        What the defect is about: an identifier, a symbol, a path, `subject | attribute` of a quantity,
        or the members of a cycle.
    message
        One sentence for a reader. It quotes the documents, so it is to be escaped like any foreign text.
    """

    document: str
    line: int
    rule: str
    subject: str
    message: str


def digest(findings: Iterable[Finding]) -> str:
    """Return `sha256:<hex>` of findings; the same findings in another order give the same digest.

    Examples
    --------
    >>> one, two = Finding("a.md", 1, "missing-path", "x", "gone"), Finding("a.md", 2, "missing-path", "y", "gone")
    >>> digest([one, two]) == digest([two, one]), digest([one]) == digest([two])
    (True, False)
    """
    rows = json.dumps([astuple(finding) for finding in sorted(findings)], separators=(",", ":"))
    return "sha256:" + hashlib.sha256(rows.encode("ascii")).hexdigest()
