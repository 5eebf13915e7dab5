"""What a command found: the same for people and for programs.

In: data that JSON has, and text and tables. Out: `Answer`, which the console prints one way or the other.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from perflab.cli.codes import Exit
from perflab.present.escape import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "plain", "rows", "table"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found.

    Attributes
    ----------
    data : mapping
        For `--json`: keys and values that the command's schema in `perflab/cli/schemas` describes.
    shown : sequence
        For people: lines of text, and tables.
    code : int
        How the command ends; one of `Exit`.
    """

    data: Mapping[str, Any]
    shown: Sequence[str | Table] = ()
    code: int = Exit.DONE


def plain(value: Any) -> Any:
    """Return a value as JSON has it: what is missing or not finite is null, times are ISO 8601, paths are text.

    Examples
    --------
    >>> plain({"ratio": float("nan"), "folder": Path("runs"), "sizes": (1, 2)})
    {'ratio': None, 'folder': 'runs', 'sizes': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if hasattr(value, "item"):  # a scalar of numpy
        return plain(value.item())
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small frame as JSON has them."""
    from perflab.present.read import records

    return [plain(record) for record in records(frame)]


def table(title: str, heads: Iterable[str], cells: Iterable[Sequence[str]]) -> Table:
    """Return a table of plain text: nothing in it is taken for markup, or moves the cursor of a terminal."""
    made = Table(title=Text(visible(title)), title_justify="left")
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in cells:
        made.add_row(*(Text(visible(cell)) for cell in row))
    return made
