"""What a run looks like: plots, tables, one report page, exports. Only this package knows matplotlib and HTML.

In: a run's facts, its metrics, its targets, its frames. Out: matplotlib Figures, `Table`s, and text of one file.
"""

from __future__ import annotations

from perflab.present.picture import PICTURES, Picture, picture
from perflab.present.report import ReportData, render, write
from perflab.present.tables import Table
from perflab.present.theme import DARK, LIGHT, Palette, stylesheet, svg

__all__ = [
    "DARK",
    "LIGHT",
    "PICTURES",
    "Palette",
    "Picture",
    "ReportData",
    "Table",
    "picture",
    "render",
    "stylesheet",
    "svg",
    "write",
]
