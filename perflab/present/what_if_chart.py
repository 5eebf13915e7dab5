"""The lines of a what-if as a chart that follows a hand: curves, target, where one stands, where one would stand.

In: curves, settings, a target. Out: SVG text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from perflab.present.chart import Axis, Chart, Level, Line, Mark
from perflab.present.sheet import tick
from perflab.present.what_if import ROLES, named_size, thinned

if TYPE_CHECKING:
    from perflab.analyze.curve import Curve
    from perflab.trace import Setting

__all__ = ["what_if_chart"]

_FUTURE = "belady"
_ORDER = ("lru", "fifo", "sieve", "s3fifo", "tinylfu", "lfu", "gdsf", "lru with TTL")
_DASHES = ("", "7 3", "2 2", "8 2 2 2")


def what_if_chart(
    curves: Sequence[Curve],
    *,
    chosen: Setting | None = None,
    current: Setting | None = None,
    target: float | None = None,
    rate_of: Callable[[Setting], float] | None = None,
) -> str:
    """Return hit rates by size; the setting that is `chosen` and the one in force are marked on their curves.

    Parameters
    ----------
    curves
        One a policy; those without any size are left out.
    chosen, current
        Settings; one whose curve is not drawn is marked on the first.
    target
        The hit rate that is wanted, 0..1.
    rate_of
        Returns the hit rate that is told of a setting; by default it is read off the curve.
    """
    drawn = [curve for curve in curves if len(curve.sizes) and curve.sizes[-1] > 0]
    if not drawn:
        return Chart("No curve: the trace has no accesses.", Axis(0, 1), Axis(0, 1), []).svg()
    unit = drawn[0].unit
    names = ", ".join(curve.policy for curve in drawn)
    levels = [] if target is None else [Level(target, f"target {target:.0%}")]
    places = [(current, "now", "muted"), (chosen, "chosen", "ink")]
    if chosen == current:
        places = [(chosen, "now and chosen", "ink")]
    marks = [_mark(drawn, setting, name, role, rate_of) for setting, name, role in places if setting is not None]
    return Chart(
        f"Line chart of the hit rate against the cache's size in {unit}: {names}. {'; '.join(m.text for m in marks)}.",
        _sizes(drawn, unit),
        Axis(0, 1, write=lambda value: f"{value * 100:.0f} %"),
        [_line(curve) for curve in drawn],
        levels,
        marks,
        height=270,
    ).svg()


def _sizes(curves: Sequence[Curve], unit: str) -> Axis:
    low = max(1.0, max(float(curve.sizes[curve.sizes > 0][0]) for curve in curves))
    high = max(low * 2, max(float(curve.sizes[-1]) for curve in curves))

    def write(value: float) -> str:
        return tick(value, "bytes") if unit == "bytes" else f"{value:,.0f}"

    return Axis(low, high, f"size of the cache in {unit}", is_log=True, write=write)


def _line(curve: Curve) -> Line:
    sizes, rates = thinned(curve)
    if curve.policy == _FUTURE:
        return Line(_FUTURE, "muted", sizes.tolist(), rates.tolist(), "1 2")
    place = _ORDER.index(curve.policy)
    return Line(curve.policy, ROLES[place], sizes.tolist(), rates.tolist(), _DASHES[place % len(_DASHES)])


def _mark(
    curves: Sequence[Curve], setting: Setting, name: str, role: str, rate_of: Callable[[Setting], float] | None
) -> Mark:
    own = next((curve for curve in curves if curve.policy == setting.policy), curves[0])
    height = own.at(setting.size)
    rate = height if rate_of is None else rate_of(setting)
    said = f"{name}: {setting.policy}, {named_size(setting.size, own.unit)}, {rate * 100:.1f} %"
    return Mark(setting.size, height, said, role)
