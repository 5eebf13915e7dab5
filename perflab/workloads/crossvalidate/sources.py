"""What can be told of a source file without parsing it.

In: its bytes. Out: a `Source`: digest and sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

from perflab.workloads.facts import digest

__all__ = ["Source", "measure"]


@dataclass(frozen=True, slots=True)
class Source:
    """Digest, bytes and lines of one source file."""

    digest: str
    nbytes: int
    lines: int


def measure(data: bytes) -> Source:
    """Return what a file's bytes tell.

    Examples
    --------
    >>> measure(b"one\\ntwo\\n").lines
    2
    """
    return Source(digest(data), len(data), len(data.splitlines()))
