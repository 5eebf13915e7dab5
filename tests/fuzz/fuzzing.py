"""What a fuzzer is: a property with the strategies of its arguments; and what several of them share.

In: functions that raise for what must not be. Out: `FUZZERS`, the table of all of them by name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
# The strategies of other tests are used here too, also where pytest did not put them on the path.
sys.path += [str(TESTS / folder) for folder in ("cache/codec", "chunk/splitting", "config")]


@dataclass(frozen=True)
class Fuzzer:
    """A property of one argument or more, and what they are drawn from."""

    name: str
    holds: Callable[..., None]
    strategies: dict[str, st.SearchStrategy[Any]]

    def test(
        self, examples: int, watch: Callable[[dict[str, Any]], AbstractContextManager[object]] = nullcontext
    ) -> Any:
        """Return it as a hypothesis test; `watch` is around each example, and knows its arguments."""

        def holds(**arguments: Any) -> None:
            with watch(arguments):
                self.holds(**arguments)

        holds.__name__ = holds.__qualname__ = self.name
        bounds = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        return bounds(given(**self.strategies)(holds))


FUZZERS: dict[str, Fuzzer] = {}


def fuzzer(**strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Enter a property into the table, under its own name."""

    def enter(holds: Callable[..., None]) -> Callable[..., None]:
        FUZZERS[holds.__name__] = Fuzzer(holds.__name__, holds, strategies)
        return holds

    return enter


@st.composite
def mutated(draw: st.DrawFn, seeds: st.SearchStrategy[bytes] | Sequence[bytes], most: int = 4) -> bytes:
    """Draw bytes that are almost a seed: some bytes of it changed, left out, put in, said twice, or cut off."""
    data = bytearray(draw(seeds if isinstance(seeds, st.SearchStrategy) else st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, most))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.integers(0, 16)))
        how = draw(st.sampled_from(["flip", "replace", "leave out", "repeat", "cut", "number"]))
        if how == "flip" and start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif how == "replace":
            data[start:stop] = draw(st.binary(max_size=12))
        elif how == "leave out":
            del data[start:stop]
        elif how == "repeat":
            data[start:start] = data[start:stop] * draw(st.integers(1, 4))
        elif how == "cut":
            del data[start:]
        elif how == "number":  # a length or an offset that promises more than there is, or less than nothing
            number = draw(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]))
            data[start : start + 8] = number.to_bytes(8, draw(st.sampled_from(["little", "big"])))
    return bytes(data)
