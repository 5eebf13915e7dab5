"""Whether a trace is still the one that a setting was proved on.

In: what a program read then, and reads now. Out: how far apart they are, against how far the trace is from itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from perflab.trace import Trace

__all__ = ["digest", "distance", "has_drifted"]

_MARGIN = 1 / 3
"""So much of what is left to the greatest distance may come on top of the trace's own drift."""


def digest(trace: Trace) -> str:
    """Return a text that names which keys were read how often, as far as a hash of 64 bits tells.

    Examples
    --------
    >>> from perflab.trace import Trace
    >>> digest(Trace.of(["a", "b", "a"])) == digest(Trace.of(["a", "a", "b"])) != digest(Trace.of(["a", "b", "b"]))
    True
    """
    shares = sorted(zip(map(str, trace.labels), _counts(trace).tolist(), strict=True))
    return hashlib.blake2b(repr(shares).encode(), digest_size=8).hexdigest()


def distance(before: Trace, after: Trace) -> float:
    """Return the total variation distance of what two traces read: 0 for the same, 1 for no key in common.

    Examples
    --------
    >>> from perflab.trace import Trace
    >>> distance(Trace.of(["a", "b"]), Trace.of(["a", "c"])), distance(Trace.of(["a"]), Trace.of(["b"]))
    (0.5, 1.0)
    """
    if not len(before) or not len(after):
        return 0.0
    import pandas as pd

    old, new = (
        pd.Series(_counts(trace) / len(trace), index=[str(label) for label in trace.labels])
        for trace in (before, after)
    )
    return float(old.sub(new, fill_value=0.0).abs().sum() / 2)


def has_drifted(before: Trace, after: Trace) -> tuple[bool, float, float]:
    """Return whether the program reads other keys now, how far they are apart, and how far they may be.

    As far apart are the beginning and the end of the trace before, in stretches as long as the trace after; a third of
    what is left to the distance of strangers is allowed on top.
    """
    length = min(len(after), len(before) // 2)
    own = distance(before.part(0, length), before.part(len(before) - length, len(before)))
    allowed = own + _MARGIN * (1 - own)
    found = distance(before.part(len(before) - length, len(before)), after.part(len(after) - length, len(after)))
    return found > allowed, found, allowed


def _counts(trace: Trace) -> npt.NDArray[np.int64]:
    import numpy as np

    return np.bincount(trace.ids, minlength=trace.keys)
