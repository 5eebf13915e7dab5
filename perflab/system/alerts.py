"""Alerts: rules held against the newest metrics, told when they begin to hold and when they end.

In: rules, metrics of a moment ago. Out: events `alert`, lines of the log, and posts to an address that the user names.
"""

from __future__ import annotations

import atexit
import json
import logging
import math
import threading
import time
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from perflab.analyze.rule import Rule, parse_rule
from perflab.config import AlertSettings
from perflab.redact import redacted, site_of

if TYPE_CHECKING:
    import pandas as pd

    from perflab.record import Frames

__all__ = ["Alerts", "Standing", "newest_metrics"]

State = Literal["unavailable", "no", "pending", "firing"]

_COST_SHARE = 0.05
_POST_S = 5.0
_log = logging.getLogger("perflab.alerts")


class _Newest:
    """The frames of a recorder without rows that are older than a moment; of accesses none if hits have no times."""

    def __init__(self, frames: Frames, since: pd.Timestamp, hits_have_times: bool) -> None:
        self._frames, self._since, self._hits_have_times = frames, since, hits_have_times

    def __getattr__(self, frame: str) -> pd.DataFrame:
        found = self._frames.select(frame, since=self._since)
        return found if frame != "accesses" or self._hits_have_times else found.head(0)


def newest_metrics(frames: Frames, window_s: float, *, hits_have_times: bool = True) -> pd.DataFrame:
    """Return the metrics of the rows of the last `window_s` seconds; those of accesses need times of hits."""
    import pandas as pd

    from perflab.analyze import metrics

    since = pd.Timestamp.now(tz="UTC") - pd.Timedelta(seconds=window_s)
    return metrics(_Newest(frames, since, hits_have_times))


@dataclass(slots=True)
class Standing:
    """How a rule stands: since when it has held without a break, when it was told last, and what was measured.

    A bound in another unit than the metric's is warned of once, and the rule is unavailable.
    """

    rule: Rule
    state: State = "unavailable"
    since_s: float = math.nan
    told_s: float = -math.inf
    value: float = math.nan
    unit: str = ""
    warned: bool = False

    def look(self, measured: Mapping[Any, Any] | None, now_s: float) -> Literal["firing", "resolved"] | None:
        """Take the metric as it is now and return what is to be told; what is not measured changes nothing."""
        if measured is None or math.isnan(measured["value"]):
            self.state = self.state if self.state == "firing" else "unavailable"
            return None
        self.value, self.unit = float(measured["value"]), str(measured["unit"])
        if not self.rule.expression.accepts(self.unit):
            self._mismatch()
            return None
        if not self._holds(measured):
            was, self.state, self.since_s = self.state, "no", math.nan
            return "resolved" if was == "firing" else None
        if self.state == "firing":
            return None
        self.since_s = now_s if math.isnan(self.since_s) else self.since_s
        self.state = "pending"
        if now_s - self.since_s < self.rule.for_s or now_s - self.told_s < self.rule.again_s:
            return None
        self.state, self.told_s = "firing", now_s
        return "firing"

    def _holds(self, measured: Mapping[Any, Any]) -> bool:
        low, high = float(measured["low"]), float(measured["high"])
        if math.isnan(low) and math.isnan(high):  # too few for an interval: the value is all there is
            low = high = self.value
        return self.rule.expression.judge(low, high) == "pass"

    def _mismatch(self) -> None:
        self.state = "unavailable"
        if not self.warned:
            self.warned, bound = True, self.rule.expression
            warnings.warn(
                f"The rule {self.rule.text!r} bounds {bound.metric} in {bound.unit or 'a bare number'}, which is "
                f"measured in {self.unit}; it is told of only with a bound in a unit of {self.unit}.",
                RuntimeWarning,
                stacklevel=3,
            )


class Alerts:
    """Looks at the rules in a thread of its own.

    Parameters
    ----------
    settings
        The rules, how often, over how many of the newest seconds, and whom to tell besides.
    measure
        Called with these seconds; returns the metrics frame of the rows that are no older.
    emit
        Called with `alert` and its payload: `rule`, `state` (`firing` or `resolved`), `metric`, `value`, `unit`.
    clock, post
        Seconds; and what sends a payload to an address.

    Raises
    ------
    ConfigError
        If a rule cannot be read.

    Notes
    -----
    A rule is told once when it has held for its time, and once when it holds no more; not again within its
    `again after`. Measuring takes no more than 5 % of one core: what takes long is done less often.
    """

    def __init__(
        self,
        settings: AlertSettings,
        measure: Callable[[float], pd.DataFrame],
        emit: Callable[..., None],
        *,
        clock: Callable[[], float] = time.monotonic,
        post: Callable[[str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        self._settings, self._measure, self._emit, self._clock = settings, measure, emit, clock
        self._post, self._webhook_url = post or _posted, settings.webhook_url
        self.standings = tuple(Standing(parse_rule(text)) for text in settings.rules)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._warned = False

    def start(self) -> None:
        """Begin to look; nothing without rules."""
        if self.standings and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="perflab-alerts", daemon=True)
            self._thread.start()
            # One that converts rows when the interpreter ends would abort the process.
            atexit.register(self.close)

    def close(self) -> None:
        """Stop looking, and wait for a look under way; a second call does nothing."""
        self._stopping.set()
        atexit.unregister(self.close)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def check(self) -> None:
        """Look at every rule now."""
        metrics = self._measure(self._settings.window_s)
        known = metrics[metrics["how"] != "unavailable"].drop_duplicates("name").set_index("name").to_dict("index")
        now_s = self._clock()
        for standing in self.standings:
            change = standing.look(known.get(standing.rule.expression.metric), now_s)
            if change is not None:
                self._tell(standing, change)

    def frame(self) -> pd.DataFrame:
        """Return how each rule stands: rule, state, metric, value, unit."""
        import pandas as pd

        rows = [(s.rule.text, s.state, s.rule.expression.metric, s.value, s.unit) for s in self.standings]
        return pd.DataFrame(rows, columns=["rule", "state", "metric", "value", "unit"])

    def _tell(self, standing: Standing, state: str) -> None:
        facts = {"metric": standing.rule.expression.metric, "value": standing.value, "unit": standing.unit}
        payload = {"what": "rule", "rule": standing.rule.text, "state": state, **facts}
        _log.log(logging.WARNING if state == "firing" else logging.INFO, "%s: %s", state, standing.rule.text)
        self._emit("alert", **payload)
        if self._webhook_url is not None:
            try:
                self._post(self._webhook_url, payload)
            except Exception as error:  # whatever answers there, the program and the other rules go on
                self._warn(f"An alert could not be posted to {site_of(self._webhook_url)}: {redacted(str(error))}")

    def _work(self) -> None:
        wait_s = self._settings.interval_s
        while not self._stopping.wait(wait_s):
            begun = self._clock()
            try:
                self.check()
            except Exception as error:
                self._warn(f"The rules of alerts could not be looked at: {error!r}")
            wait_s = max(self._settings.interval_s, (self._clock() - begun) / _COST_SHARE)

    def _warn(self, problem: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"{problem}; the next ones are tried again.", RuntimeWarning, stacklevel=3)


def _posted(url: str, payload: Mapping[str, Any]) -> None:
    body = json.dumps(payload, allow_nan=False).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - the config allows http and https
    with urllib.request.urlopen(request, timeout=_POST_S):  # noqa: S310 - as above
        return
