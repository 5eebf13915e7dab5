"""Targets against what was measured, and the rows behind each.

In: a system or a run. Out: a panel of cards; a click on one shows the rows that it was computed from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perflab.analyze.behind import behind
from perflab.analyze.expression import parse
from perflab.errors import ConfigError
from perflab.present import escape
from perflab.present.cards import cards
from perflab.present.theme import VERDICTS
from perflab.present.verdicts import counts
from perflab.widgets.listing import Listing
from perflab.widgets.panel import Panel, button, markup, row
from perflab.widgets.redraw import Latest
from perflab.widgets.rows import newest, newest_part, shown_rows

if TYPE_CHECKING:
    import pandas as pd

    from perflab.system import PerformanceSystem, Run

__all__ = ["Targets"]


class Targets(Panel):
    """Every target with its value, a bullet against its bound, and its verdict by mark and word.

    Parameters
    ----------
    source
        A system, judged anew by `Judge again`, or a run.

    Raises
    ------
    ConfigError
        If the source is neither.
    """

    def __init__(self, source: PerformanceSystem | Run) -> None:
        super().__init__("Targets", "targets")
        if not hasattr(source, "targets") or not hasattr(source, "frames"):
            raise ConfigError(f"A targets panel was given a {type(source).__name__}; give it a system or a run.")
        self._source = source
        self._tally, self._behind = markup(""), markup("")
        self.cards = Listing.of(self.show_rows, self)
        self._latest = Latest(self.guarded(self._judge))
        again = button("Judge again", self.judge, self, hint="Judge what was recorded until now")
        self.fill(self._tally, self.cards, row([again]), self._behind)
        self.judge()

    @property
    def shown(self) -> str:
        """The HTML of tally, cards and rows."""
        return f"{self._tally.value}{self.cards.html}{self._behind.value}"

    def settle(self, timeout_s: float) -> bool:
        """Wait until what was recorded is judged."""
        return self._latest.wait(timeout_s)

    def judge(self) -> None:
        """Judge what was recorded until now."""
        self.say("Judging.")
        self._latest.want(None)

    def show_rows(self, expression: str) -> None:
        """Show the rows that a target was computed from."""
        html, note = self._rows_of(expression)
        self.cards.marked = [expression]
        self._behind.value = html
        self.say(f"{expression}: {note}")

    def _rows_of(self, expression: str) -> tuple[str, str]:
        where = behind(parse(expression).metric)
        rows, note = newest(self._source.frames, where.frame, where.columns, where.filters)
        made = shown_rows(where.frame, rows, f"Rows of {where.frame} behind {expression}", note)
        none = f'<p class="note">Nothing was recorded in {where.frame} that {escape.html(expression)} could be of.</p>'
        return (made.html() if made else none), note

    def _judge(self, _: None) -> None:
        run, left_out = newest_part(self._source)
        found = run.targets()
        is_recorded = len(run.frames.targets) > 0  # then it was judged when all rows were there
        self.cards.html = cards(found) or '<p class="note">No target was judged.</p>'
        self._tally.value = _tally(found) + ("" if is_recorded or not left_out else f'<p class="note">{left_out}</p>')
        self._renew_rows(list(found["expression"]))
        self.say(f"{len(found)} targets were judged. Pick one to see the rows behind it.")

    def _renew_rows(self, judged: list[str]) -> None:
        for expression in self.cards.marked:
            html = self._rows_of(expression)[0] if expression in judged else ""
            if self.cards.marked == [expression]:  # else a hand has picked another one meanwhile
                self._behind.value = html


def _tally(found: pd.DataFrame) -> str:
    parts = [
        f'<li><b class="{VERDICTS[verdict][1]}">{number}</b><span>{VERDICTS[verdict][0]} {verdict}</span></li>'
        for verdict, number in counts(found).items()
    ]
    return f'<ul class="tiles" aria-label="Verdicts">{"".join(parts)}</ul>'
