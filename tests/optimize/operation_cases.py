"""Operations that the tests of watching workers, chunks and prefetching share."""

from __future__ import annotations

import numpy as np
import pandas as pd


def operations(
    count: int, seed: int, *, scale: float = 0.01, name: str = "parse", until_s: float = 0.0
) -> pd.DataFrame:
    """So many operations of a name, log-normal around `scale` seconds, in the hundred seconds that end at `until_s`."""
    random = np.random.default_rng(seed)
    ended = until_s - np.linspace(100, 0, count, endpoint=False)[::-1] if count else []
    return pd.DataFrame({"name": name, "duration_s": random.lognormal(np.log(scale), 0.3, count), "ended_s": ended})


def mixed(*parts: pd.DataFrame) -> pd.DataFrame:
    """Operations of several kinds, in the order in which they ended."""
    return pd.concat(parts).sort_values("ended_s", kind="stable", ignore_index=True)
