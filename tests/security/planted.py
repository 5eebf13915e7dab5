"""A pickle whose loading makes a file, in every wrapping that some reader of pickles takes.

In: the file that tells. Out: bytes.
"""

from __future__ import annotations

import gzip
import io
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.proof,)


def pickles(proof: Path) -> Iterator[bytes]:
    """Yield the pickle bare, in every protocol, as numpy's array of objects, and compressed."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        yield pickle.dumps(Planted(proof), protocol)
    array = io.BytesIO()
    np.save(array, np.array([Planted(proof)], dtype=object), allow_pickle=True)
    yield array.getvalue()
    yield gzip.compress(pickle.dumps(Planted(proof)))
