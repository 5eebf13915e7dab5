"""A table once, shown anywhere: HTML, Markdown or plain text.

In: a caption, headings, rows of text. Out: `Table`, whose cells are inert in each of its forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from perflab.present import escape

__all__ = ["Cell", "Heading", "Table", "table"]

_LONGEST = 120
_UNBROKEN = 34
# A name or a path is broken after a separator before it is torn inside a word.
_BREAKS = re.compile(r"(?<=\w)([._/])(?=[^\W\d])")


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading; numbers are aligned to the right."""

    text: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """Text with a role that the page colours, such as a verdict's; the text says the same without colour.

    Of a text longer than `longest` the middle is left out. What has a `pick` is a button in a panel, where a click
    picks that; nothing else shows it so.
    """

    text: str
    role: str = ""
    longest: int = _LONGEST
    pick: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. The first cell of a row names it.

    Examples
    --------
    >>> table = Table("Tiers", (Heading("tier"), Heading("hits", True)), (("l1", "7"), ("l2", "12")))
    >>> print(table.text())
    tier  hits
    ----  ----
    l1       7
    l2      12
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows)

    def html(self) -> str:
        """Return a `<table>` with a caption and scoped headings."""
        head = "".join(f'<th scope="col"{_numeric(h)}>{escape.html(h.text)}</th>' for h in self.headings)
        body = "".join(f"<tr>{self._html_row(row)}</tr>" for row in self.rows)
        note = f'<p class="note">{escape.html(self.note)}</p>' if self.note else ""
        caption = f"<caption>{escape.html(self.caption)}</caption>"
        return (
            f'<div class="scroll" role="group" tabindex="0" aria-label="{escape.html(self.caption)}"><table>{caption}'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
        )

    def markdown(self) -> str:
        """Return a table in GitHub's Markdown."""
        lines = [
            _pipes([escape.markdown(heading.text) for heading in self.headings]),
            _pipes(["---:" if heading.numeric else "---" for heading in self.headings]),
            *(_pipes([escape.markdown(_shown(cell)) for cell in row]) for row in self.rows),
        ]
        return "\n".join([*lines, *(["", escape.markdown(self.note)] if self.note else [])])

    def text(self) -> str:
        """Return aligned lines for a terminal; wide letters count as two columns."""
        rows = [[_shown(cell) for cell in row] for row in self.rows]
        heads = [heading.text for heading in self.headings]
        widths = [max(map(_columns, column)) for column in zip(heads, *rows, strict=True)]
        lines = [self._line(heads, widths), "  ".join("-" * width for width in widths)]
        return "\n".join([*lines, *(self._line(row, widths) for row in rows)])

    def _html_row(self, row: Sequence[Cell | str]) -> str:
        first, *rest = row
        cells = zip(rest, self.headings[1:], strict=True)
        return f'<th scope="row"{_long(first)}>{_marked(first)}</th>' + "".join(
            f"<td{_numeric(heading) or _long(cell)}>{_marked(cell)}</td>" for cell, heading in cells
        )

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = [
            " " * (width - _columns(cell)) + cell if heading.numeric else cell + " " * (width - _columns(cell))
            for cell, width, heading in zip(cells, widths, self.headings, strict=True)
        ]
        return "  ".join(padded).rstrip()


def table(
    caption: str,
    heads: Sequence[str],
    body: Sequence[tuple[Cell | str, ...]],
    *,
    numeric: Sequence[str] = (),
    note: str = "",
) -> Table:
    """Return a table from headings and rows as text; the columns named in `numeric` are aligned to the right."""
    return Table(caption, tuple(Heading(head, head in numeric) for head in heads), tuple(body), note)


def _shown(cell: Cell | str) -> str:
    return escape.shorten(cell.text, cell.longest) if isinstance(cell, Cell) else escape.shorten(cell, _LONGEST)


def _marked(cell: Cell | str) -> str:
    text = _BREAKS.sub(r"\1<wbr>", escape.html(_shown(cell))) if _long(cell) else escape.html(_shown(cell))
    if isinstance(cell, Cell) and cell.pick:
        return f'<button type="button" class="pick {cell.role}" data-pick="{escape.html(cell.pick)}">{text}</button>'
    return f'<span class="{cell.role}">{text}</span>' if isinstance(cell, Cell) and cell.role else text


def _numeric(heading: Heading) -> str:
    return ' class="n"' if heading.numeric else ""


def _long(cell: Cell | str) -> str:
    """Only long text may be broken anywhere; a number or a word is never torn."""
    return ' class="t"' if len(_shown(cell)) > _UNBROKEN else ""


def _pipes(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) != 0 for character in text)
