"""Which entries are worth their room in memory before anybody asks.

In: how often and when a key was read, what its load costs, its bytes. Out: expected saved seconds per byte.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from perflab.cache.tiers.savings import load_costs
from perflab.record.store import write_atomically
from perflab.regular import check_regular, read_regular

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HEAT", "Heat", "heat_of", "ranked", "read_heat", "worth", "write_heat"]

HEAT = "heat.json"
"""The file in the folder of the disk tier that tells the next process which keys were read how often."""
_VERSION = 1
_MOST_KEYS = 20_000
_MOST_BYTES = 64_000_000
_KEPT_RATIO = 0.5
"""What uses of an earlier process count for."""


class Heat(NamedTuple):
    """What is known of a key: its reads, seconds of a load or None, and the share of all reads since its last one."""

    uses: float = 1.0
    cost_s: float | None = None
    age: float = 1.0


def worth(heat: Heat, nbytes: int, cost_s: float) -> float:
    """Return the seconds that an entry is expected to save per byte: frequency x cost / size, the older the less.

    What was read last counts whole, what was read first counts half. `cost_s` stands in where the cost is not known.

    Examples
    --------
    >>> worth(Heat(4, 0.5, 0.0), 100, 1.0), worth(Heat(4, None, 1.0), 100, 1.0)
    (0.02, 0.02)
    """
    cost = cost_s if heat.cost_s is None else heat.cost_s
    return float(heat.uses * cost * 2.0**-heat.age / max(1, nbytes))


def ranked(entries: Sequence[tuple[Heat, int]]) -> list[int]:
    """Return the places of entries, given as heat and bytes, most worth first; of equal worth the first comes first."""
    known = [heat.cost_s for heat, _ in entries if heat.cost_s is not None]
    usual = statistics.median(known) if known else 1.0
    values = [worth(heat, nbytes, usual) for heat, nbytes in entries]
    return sorted(range(len(entries)), key=lambda place: -values[place])


def heat_of(accesses: pd.DataFrame) -> dict[str, Heat]:
    """Return what the frame `accesses` tells of each key that was read, by the key as text.

    Examples
    --------
    >>> from perflab.record import Recorder
    >>> recorder = Recorder()
    >>> for key, event in (("page", "miss"), ("page", "load"), ("page", "hit"), ("other", "miss")):
    ...     recorder.access(key, event, duration_s=0.5)
    >>> heat_of(recorder.frames.accesses)
    {'page': Heat(uses=2.0, cost_s=0.5, age=0.3333333333333333), 'other': Heat(uses=1.0, cost_s=None, age=0.0)}
    """
    import pandas as pd

    keys = accesses.loc[accesses["event"].isin(["hit", "miss"]), "key"].astype(object).reset_index(drop=True)
    if not len(keys):
        return {}
    places = pd.Series(keys.index, index=keys).groupby(level=0, sort=False)
    costs = load_costs(accesses)["load_s"]
    table = pd.DataFrame({"uses": places.size(), "last": places.max()})
    table["cost_s"] = costs.reindex(table.index)
    table["age"] = (len(keys) - 1 - table["last"]) / len(keys)
    columns = zip(table.index, table["uses"], table["cost_s"], table["age"], strict=True)
    return {
        str(key): Heat(float(uses), None if cost != cost else float(cost), float(age))
        for key, uses, cost, age in columns
    }


def write_heat(folder: str | os.PathLike[str], found: Mapping[str, Heat]) -> None:
    """Keep what was learned beside the disk tier, with half of what was known before, if the disk takes it.

    Two processes that end at once leave what the last one knows.
    """
    before = read_heat(folder)
    merged = {key: heat._replace(uses=heat.uses * _KEPT_RATIO, age=1.0) for key, heat in before.items()}
    for key, heat in found.items():
        earlier = merged.get(key, Heat(uses=0.0))
        merged[key] = heat._replace(
            uses=heat.uses + earlier.uses, cost_s=earlier.cost_s if heat.cost_s is None else heat.cost_s
        )
    most = sorted(merged.items(), key=lambda item: -item[1].uses)[:_MOST_KEYS]
    with contextlib.suppress(OSError):
        write_atomically(Path(folder, HEAT), json.dumps({"version": _VERSION, "keys": dict(most)}))


def read_heat(folder: str | os.PathLike[str]) -> dict[str, Heat]:
    """Return what an earlier process kept; nothing if there is no such file, or it is not what was written.

    It only orders what is warmed, so nothing worse comes of a file that somebody planted than a wrong order.
    """
    path = Path(folder, HEAT)
    try:
        check_regular(path)
        stored = json.loads(read_regular(path, _MOST_BYTES))
        return dict(_checked(stored["keys"].items())) if stored["version"] == _VERSION else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _checked(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, Heat]]:
    for key, (uses, cost_s, age) in items:
        numbers = (uses, age) if cost_s is None else (uses, cost_s, age)
        if all(type(number) in (int, float) and 0 <= number < 1e15 for number in numbers):
            yield key, Heat(uses, cost_s, age)
