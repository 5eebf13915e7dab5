"""Targets as cards: the value, a bullet against its bound, the verdict by mark and word.

In: the `targets` frame. Out: HTML, each card a button that picks its target.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from perflab.present import escape
from perflab.present.theme import LIGHT, VERDICTS
from perflab.present.verdicts import Row, interval, rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cards"]

_WIDTH, _HEIGHT = 180.0, 22.0
_MOST = 2.0
"""Share of the bound at the right end of a bullet; the bound stands in the middle."""


def cards(frame: pd.DataFrame) -> str:
    """Return a card a target, under a heading a group; `data-pick` is the target's expression."""
    parts: list[str] = []
    last = None
    for row in rows(frame):
        if row.group != last:
            parts.append(
                f"{'</ul>' if parts else ''}<h4>{escape.html(row.group[:1].upper() + row.group[1:] or 'Targets')}</h4>"
            )
            parts.append('<ul class="cards">')
            last = row.group
        parts.append(f"<li>{_card(row)}</li>")
    return "".join(parts) + ("</ul>" if parts else "")


def _card(row: Row) -> str:
    role = VERDICTS[row.verdict][1]
    between = interval(row.low, row.high, row.unit, row.how)
    has_value = math.isfinite(row.actual)
    said = between if has_value else row.reason
    name = escape.html(f"{row.group} {row.subject}, {row.value}, bound {row.wanted}, {row.verdict}".strip())
    return (
        f'<button type="button" class="card" data-pick="{escape.html(row.expression)}" aria-label="{name}">'
        f'<span class="muted">{escape.html(row.subject)}</span>'
        f"<b>{escape.html(row.value)}</b>"
        f"{_bullet(row, role)}"
        f'<span><span class="{role} verdict">{row.mark}</span> '
        f'<span class="muted">{escape.html(row.wanted)}</span></span>'
        f'<span class="muted small">{escape.html(escape.shorten(said, 60)) if said else "&nbsp;"}</span>'
        f'<span class="muted small">{_breakable(escape.shorten(row.source, 60))}</span></button>'
    )


def _breakable(name: str) -> str:
    """Return a name that a narrow card breaks between its words."""
    return re.sub(r"(?<=[._])(?=\w)", "<wbr>", escape.html(name))


def _bullet(row: Row, role: str) -> str:
    """Return the value as a share of its bound: a bar on a strip whose passing side is shaded."""
    if row.bound is None or not math.isfinite(row.bound.share(row.actual)):
        return f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" aria-hidden="true"></svg>'
    middle = _WIDTH / _MOST
    left, wide = (middle, _WIDTH - middle) if row.bound.wants_more else (0.0, middle)
    bar = _place(row.bound.share(row.actual))
    ends = [_place(share) for share in (row.bound.share(row.low), row.bound.share(row.high)) if math.isfinite(share)]
    whisker = f'<path d="M{ends[0]:.1f} 11H{ends[1]:.1f}" style="{_stroke("ink", 1.5)}"/>' if len(ends) == 2 else ""
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect x="0" y="1" width="{_WIDTH:g}" height="20" style="fill:{_color("surface")}"/>'
        f'<rect x="{left:g}" y="1" width="{wide:g}" height="20" style="fill:{_color("grid")};opacity:.7"/>'
        f'<rect x="0" y="7" width="{bar:.1f}" height="8" style="fill:{_color(role)}"/>{whisker}'
        f'<path d="M{middle:g} 1v20" style="{_stroke("ink", 2.5)}"/></svg>'
    )


def _place(share: float) -> float:
    return min(max(share, 0.0), _MOST) / _MOST * _WIDTH


def _color(role: str) -> str:
    return f"var(--perflab-{role},{LIGHT.color(role)})"


def _stroke(role: str, width: float) -> str:
    return f"fill:none;stroke:{_color(role)};stroke-width:{width:g}"
