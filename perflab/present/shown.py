"""Something to look at in a notebook and on a terminal.

In: tables, sentences. Out: `Shown`, whose text and HTML say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from perflab.present import escape, theme
from perflab.present.tables import Table

__all__ = ["Shown"]

_STYLE = (
    "<style>%s.perflab-shown .good{color:var(--perflab-good)}.perflab-shown .bad{color:var(--perflab-bad)}"
    ".perflab-shown .unsure{color:var(--perflab-unsure)}.perflab-shown .absent{color:var(--perflab-absent)}"
    ".perflab-shown .v{font-weight:600}.perflab-shown th,.perflab-shown td{text-align:left}"
    ".perflab-shown .n{text-align:right}</style>"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Sentences, then tables.

    Examples
    --------
    >>> Shown(("Nothing was judged.",))
    Nothing was judged.
    """

    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()

    def __repr__(self) -> str:
        return "\n\n".join([*self.sentences, *(f"{table.caption}\n{table.text()}" for table in self.tables)])

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape.html(sentence)}</p>" for sentence in self.sentences)
        shown = "".join(table.html() for table in self.tables)
        return f'{_STYLE % theme.stylesheet()}<div class="perflab-shown">{said}{shown}</div>'
