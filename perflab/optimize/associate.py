"""Learn which keys follow which.

In: the keys of each stream, in the order in which they were used. Out: the keys to expect soon after a key.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

__all__ = ["Associations", "wilson_low"]

_MOST_STREAMS = 256
_MOST_FOLLOWERS = 32
_HUB_FROM = 100


@dataclass(slots=True)
class _Node:
    """How often a key was used, in how many of those uses each other key followed, and what the caller announced."""

    uses: int = 0
    followers: Counter[Hashable] = field(default_factory=Counter)
    announced: tuple[Hashable, ...] = ()


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

    def __init__(self, *, window: int = 8, support: int = 2, confidence: float = 0.5, max_nodes: int = 4096) -> None:
        self._window, self._support, self._confidence, self._max_nodes = window, support, confidence, max_nodes
        self._hub_share = 1 - 0.5 ** (1 / window)
        self._nodes: OrderedDict[Hashable, _Node] = OrderedDict()
        self._streams: OrderedDict[Hashable, deque[tuple[Hashable, set[Hashable]]]] = OrderedDict()
        self._total = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def learn(self, stream: Hashable, key: Hashable) -> None:
        """Take the next key of a stream."""
        self._total += 1
        recent = self._recent(stream)
        for earlier, followed in recent:
            # Once a use: a key that comes back within one window is no stronger evidence.
            if earlier != key and key not in followed:
                followed.add(key)
                self._follow(earlier, key)
        recent.append((key, set()))
        self._node(key).uses += 1

    def announce(self, key: Hashable, related: Iterable[Hashable]) -> None:
        """Take the caller's word for what will follow a key."""
        self._node(key).announced = tuple(related)[:_MOST_FOLLOWERS]

    def expected(self, key: Hashable) -> tuple[Hashable, ...]:
        """Return the keys to expect after this one: announced ones first, then learned ones, likeliest first."""
        node = self._nodes.get(key)
        if node is None:
            return ()
        learned = () if self._is_hub(key) else self._learned(node)
        return tuple(dict.fromkeys((*node.announced, *learned)))

    def _learned(self, node: _Node) -> tuple[Hashable, ...]:
        return tuple(
            follower
            for follower, times in node.followers.most_common()
            if times >= self._support
            and wilson_low(times, node.uses) >= self._confidence
            and not self._is_hub(follower)
        )

    def _is_hub(self, key: Hashable) -> bool:
        node = self._nodes.get(key)
        return node is not None and self._total >= _HUB_FROM and node.uses / self._total > self._hub_share

    def _follow(self, earlier: Hashable, key: Hashable) -> None:
        node = self._nodes.get(earlier)
        if node is None:  # forgotten while it was still in a window
            return
        node.followers[key] += 1
        if len(node.followers) > _MOST_FOLLOWERS:
            del node.followers[min(node.followers, key=node.followers.__getitem__)]

    def _node(self, key: Hashable) -> _Node:
        node = self._nodes.setdefault(key, _Node())
        self._nodes.move_to_end(key)
        if len(self._nodes) > self._max_nodes:
            self._nodes.popitem(last=False)
        return node

    def _recent(self, stream: Hashable) -> deque[tuple[Hashable, set[Hashable]]]:
        if stream not in self._streams:
            self._streams[stream] = deque(maxlen=self._window)
            if len(self._streams) > _MOST_STREAMS:
                self._streams.popitem(last=False)
        self._streams.move_to_end(stream)
        return self._streams[stream]


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
