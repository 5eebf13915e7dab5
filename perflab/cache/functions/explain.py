"""Why a call of a cached function hits or misses.

In: a call, the calls that are remembered, and the recorded rows. Out: an `Explanation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perflab.cache.functions.calls import Call
from perflab.record.arrow import as_text

if TYPE_CHECKING:
    import pandas as pd

    from perflab.cache.tiers.tiered import TieredCache

__all__ = ["REASONS", "Explanation", "explain"]

_GONE = {
    "evict": "evicted",
    "expire": "expired",
    "invalidate": "invalidated",
    "quarantine": "quarantined",
    "reject": "not stored",
}
REASONS = (
    "hit",
    "first time",
    "code changed",
    "arguments changed",
    *_GONE.values(),
    "not recorded",
)
"""What an explanation may say: quarantined is damaged on disk, not stored is that the call before it raised, was still
running, or that its result fit no tier; not recorded is that the rows which would tell are not there."""


@dataclass(frozen=True)
class Explanation:
    """Why a call hits or misses; a sentence as text.

    Attributes
    ----------
    call
        The call as text.
    reason
        One of `REASONS`.
    detail
        The same in a few words, with what is known of it.
    nearest
        The earlier call that differs in the fewest arguments, for `arguments changed`; None if it is not remembered.
    differs
        Argument -> text then and text now, of the nearest call.
    last_miss
        Why the last miss of this call was one; None without a recorded one.
    """

    call: str
    reason: str
    detail: str
    nearest: str | None = None
    differs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    last_miss: Explanation | None = None

    def __repr__(self) -> str:
        text = f"{self.call} hits: " if self.reason == "hit" else f"{self.call} misses: {self.reason}, "
        last = "" if self.last_miss is None else f"; its last miss: {self.last_miss.reason}, {self.last_miss.detail}"
        return text + self.detail + last


def explain(
    cache: TieredCache, name: str, call: Call, remembered: Sequence[Call], changes: Mapping[str, tuple[str, ...]]
) -> Explanation:
    """Return why a call would hit or miss now, and why its last miss was one.

    Parameters
    ----------
    name
        Module and name of the function, with which all its keys begin, also those of other code.
    remembered
        Earlier calls whose arguments are known, latest last.
    changes
        Prefix of a code -> the names whose new binding led to it.
    """
    cache.expire()  # what is due and was not noticed has no row that says so
    known = _Known(name, call, remembered, changes, _rows(cache, name))
    last = known.last_miss()
    if call.key in cache:
        tiers = " and ".join(cache.inspect(call.key)["tier"])
        return Explanation(known.text, "hit", f"held in {tiers}", last_miss=last)
    found = known.why(known.rows, calls=remembered)
    if found.reason in ("first time", "arguments changed") and known.on_disk(cache):
        found = Explanation(known.text, "code changed", "other code of the same name left a result on disk")
    return Explanation(found.call, found.reason, found.detail, found.nearest, found.differs, last)


@dataclass(frozen=True)
class _Known:
    name: str
    call: Call
    remembered: Sequence[Call]
    changes: Mapping[str, tuple[str, ...]]
    rows: pd.DataFrame

    @property
    def text(self) -> str:
        return _text(self.name, self.call)

    def last_miss(self) -> Explanation | None:
        misses = self.rows.index[(self.rows["key"] == self.call.key) & (self.rows["event"] == "miss")]
        return self.why(self.rows.loc[: misses[-1]].iloc[:-1]) if len(misses) else None

    def why(self, rows: pd.DataFrame, calls: Sequence[Call] = ()) -> Explanation:
        """Return why the call misses after these rows, and after the calls, which may have left none."""
        own = rows[rows["key"] == self.call.key]
        if len(own):
            return self._gone(own)
        if any(call.key == self.call.key for call in calls):
            return self._because("not recorded", "it was called before, and the rows that tell more are not there")
        loaded = rows.loc[rows["event"] == "load", "key"].unique()
        if any(self._is_same_call(key) for key in loaded):
            names = self.changes.get(self._prefix, ())
            return self._because("code changed", _changed(names))
        earlier = {key for key in loaded if key.startswith(self._prefix)} | {call.key for call in calls}
        if any(key.startswith(self._prefix) for key in earlier):
            return self._arguments(earlier)
        return self._because("first time", "there was no call of this code before")

    def on_disk(self, cache: TieredCache) -> bool:
        """Tell if another code's result of the same call is on disk, as an earlier process leaves it."""
        keys = () if cache.l3 is None else cache.l3
        return any(isinstance(key, str) and self._is_same_call(key) for key in keys)

    @property
    def _prefix(self) -> str:
        return self.call.key[: self.call.key.rindex("#") + 1]

    def _is_same_call(self, key: str) -> bool:
        arguments = self.call.key[self.call.key.rindex("#") :]
        return key != self.call.key and key.startswith(f"{self.name}#") and key.endswith(arguments)

    def _gone(self, own: pd.DataFrame) -> Explanation:
        kept = own[own["event"].isin(("set", "load"))]
        since = own if kept.empty else own.loc[kept.index[-1] :]
        gone = since[since["event"].isin(tuple(_GONE))]
        if len(gone):
            row = gone.iloc[-1]
            return self._because(_GONE[row["event"]], _told(row))
        if len(kept):
            return self._because("not recorded", "it was stored, and no row says how it left")
        return self._because("not stored", "the call before it raised, or is still running")

    def _arguments(self, earlier: set[str]) -> Explanation:
        known = [call for call in self.remembered if call.key in earlier and call.key.startswith(self._prefix)]
        if not known:
            return self._because("arguments changed", "no earlier call with these arguments is remembered")
        nearest = min(reversed(known), key=lambda call: len(call.differing(self.call)))
        names = nearest.differing(self.call)
        differs = {name: (nearest.texts.get(name, ""), self.call.texts.get(name, "")) for name in names}
        told = ", ".join(f"{name} was {then}, now {now}" for name, (then, now) in differs.items())
        return Explanation(
            self.text, "arguments changed", f"nearest is {_text(self.name, nearest)}: {told}",
            _text(self.name, nearest), differs,
        )  # fmt: skip

    def _because(self, reason: str, detail: str) -> Explanation:
        return Explanation(self.text, reason, detail)


def _rows(cache: TieredCache, name: str) -> pd.DataFrame:
    """Return the rows of a function, of whatever code, in order; hits say nothing here, and are most of all."""
    frame = cache.recorder.frames.select(
        "accesses", ["t", "key", "event", "tier", "reason"], event=("miss", "load", "set", *_GONE)
    )
    frame = frame[frame["key"].str.startswith(f"{as_text(name)}#", na=False)]
    return frame.astype(dict.fromkeys(("key", "event", "tier", "reason"), object)).reset_index(drop=True)


def _text(name: str, call: Call) -> str:
    arguments = ", ".join(f"{argument}={text}" for argument, text in call.texts.items())
    return f"{name.rpartition('.')[2]}({arguments})"


def _changed(names: Sequence[str]) -> str:
    return f"bound anew: {', '.join(names)}" if names else "the same call was computed by other code of this name"


def _told(row: Any) -> str:
    tier, reason = row["tier"], row["reason"]
    parts = (f"left {tier}" if isinstance(tier, str) else "", f"({reason})" if isinstance(reason, str) else "")
    return " ".join(filter(None, (*parts, f"at {row['t']:%H:%M:%S} UTC")))
