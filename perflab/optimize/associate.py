"""Learn which keys follow which.

In: the keys of each stream, in the order in which they were used. Out: the keys to expect soon after a key.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter

__all__ = ["Associations", "wilson_low"]

_MOST_STREAMS = 256
_MOST_FOLLOWERS = 48
_HUB_FROM = 100


@dataclass(slots=True)
class _Node:
    """How often a key was used, in how many of those uses each other key followed, and what the caller hinted at.

    `likely` is what was expected after it when it had been used fewer than `stale` times.
    """

    uses: int = 0
    followers: dict[Hashable, int] = field(default_factory=dict)
    hinted: frozenset[Hashable] = frozenset()
    likely: tuple[Hashable, ...] = ()
    stale: int = 0


class Associations:
    """Windowed association of keys, bounded in memory.

    A key follows another if it is used within `window` accesses after it, in the same stream. It is expected after it
    if that happened at least `support` times and the Wilson lower bound of its share reaches `confidence`. A hub, a key
    so frequent that it lies in half of all windows by chance alone, predicts nothing and is not predicted.

    Parameters
    ----------
    window
        Accesses after a key that count as following it.
    support
        Least number of times.
    confidence
        Least lower bound of the share of a key's uses that the other key followed.
    max_nodes
        Keys remembered; the one unused for longest is forgotten first.

    Examples
    --------
    >>> learned = Associations()
    >>> for key in ["template", "rules", *range(20), "template", "rules", *range(20, 40)]:
    ...     learned.learn("main", key)
    >>> learned.expected("template")
    ('rules',)
    """

    def __init__(self, *, window: int = 8, support: int = 2, confidence: float = 0.5, max_nodes: int = 8192) -> None:
        self._window, self._support, self._confidence, self._max_nodes = window, support, confidence, max_nodes
        self._hub_share = 1 - 0.5 ** (1 / window)
        self._nodes: OrderedDict[Hashable, _Node] = OrderedDict()
        self._streams: OrderedDict[Hashable, deque[tuple[Hashable, _Node]]] = OrderedDict()
        self._total = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def learn(self, stream: Hashable, key: Hashable) -> None:
        """Take the next key of a stream."""
        self._total += 1
        recent, node = self._recent(stream), self._node(key)
        for earlier, before in reversed(recent):
            if earlier == key:
                break  # what lies before it was followed by the key then: once a use, for a return is no more evidence
            followers = before.followers
            followers[key] = followers.get(key, 0) + 1
            if len(followers) > _MOST_FOLLOWERS:
                before.followers = _frequent(followers)
        recent.append((key, node))
        node.uses += 1

    def interrupt(self, stream: Hashable) -> None:
        """Let nothing follow what was used in a stream so far: there were others between, or a long time."""
        self._streams.pop(stream, None)

    def hint(self, key: Hashable, related: Iterable[Hashable]) -> None:
        """Take the caller's word for what may follow a key."""
        node = self._node(key)
        node.hinted, node.stale = frozenset(islice(related, _MOST_FOLLOWERS)), 0

    def expected(self, key: Hashable) -> tuple[Hashable, ...]:
        """Return the keys to expect after this one, likeliest first."""
        node = self._nodes.get(key)
        if node is None:
            return ()
        if node.uses >= node.stale:
            node.likely = () if self._is_hub(key) else self._likely(node)
            # What a few more uses tell of many changes little.
            node.stale = node.uses + 1 + node.uses // 8
        return node.likely

    def _likely(self, node: _Node) -> tuple[Hashable, ...]:
        uses, hinted = node.uses + bool(node.hinted), node.hinted
        # No share below its bound has a lower bound that reaches it: the cheap question comes first.
        least = max(self._support, math.ceil(self._confidence * uses)) - bool(hinted)
        found = [(times + (name in hinted), name) for name, times in node.followers.items() if times >= least]
        right = [(times, name) for times, name in found if times >= self._support and self._suffices(times, uses)]
        right.sort(key=itemgetter(0), reverse=True)
        return tuple(name for _, name in right if not self._is_hub(name))

    def _suffices(self, times: int, uses: int) -> bool:
        return wilson_low(times, uses) >= self._confidence

    def _is_hub(self, key: Hashable) -> bool:
        node = self._nodes.get(key)
        return node is not None and self._total >= _HUB_FROM and node.uses / self._total > self._hub_share

    def _node(self, key: Hashable) -> _Node:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = _Node()
            if len(self._nodes) > self._max_nodes:
                self._nodes.popitem(last=False)
        else:
            self._nodes.move_to_end(key)
        return node

    def _recent(self, stream: Hashable) -> deque[tuple[Hashable, _Node]]:
        recent = self._streams.get(stream)
        if recent is None:
            recent = self._streams[stream] = deque(maxlen=self._window)
            if len(self._streams) > _MOST_STREAMS:
                self._streams.popitem(last=False)
        else:
            self._streams.move_to_end(stream)
        return recent


def _frequent(followers: dict[Hashable, int]) -> dict[Hashable, int]:
    """Return the more frequent half; of equals those that were met first."""
    best = sorted(followers.items(), key=itemgetter(1), reverse=True)
    return dict(best[: _MOST_FOLLOWERS // 2])


def wilson_low(successes: int, trials: int, z: float = 1.2816) -> float:
    """Return the lower bound of a share by Wilson's score interval; `z` of 1.2816 is one-sided 90 %.

    Source: E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> round(wilson_low(2, 2), 3), round(wilson_low(1, 2), 3), wilson_low(0, 0)
    (0.549, 0.164, 0.0)
    """
    if trials == 0:
        return 0.0
    # A use that is evicted and learned anew can be followed more often than it was counted.
    share = min(1.0, successes / trials)
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (centre - spread) / (1 + z * z / trials))
