"""A config as a notebook shows it.

In: a config. Out: HTML with a table a group; what differs from the defaults is said in words.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

__all__ = ["settings_html"]


def settings_html(config: BaseModel) -> str:
    """Return every setting with its value, the default if that is another, and its meaning."""
    groups = dict(_groups(config, type(config)(), "general"))
    return "".join(_group(name, rows) for name, rows in groups.items())


Row = tuple[str, Any, Any, str]


def _groups(own: BaseModel, default: BaseModel, name: str) -> Iterator[tuple[str, list[Row]]]:
    plain: list[Row] = []
    nested = []
    for field, facts in type(own).model_fields.items():
        value, usual = getattr(own, field), getattr(default, field)
        if isinstance(value, BaseModel):
            nested.append((value, usual, field))
        else:
            plain.append((field, value, usual, facts.description or ""))
    if plain:
        yield name, plain
    for value, usual, field in nested:
        yield from _groups(value, usual, field)


def _group(name: str, rows: list[Row]) -> str:
    changed = sum(value != default for _, value, default, _ in rows)
    said = f"{name}, {changed} changed" if changed else name
    body = "".join(_row(*row) for row in rows)
    head = "<tr><th scope='col'>setting</th><th scope='col'>value</th><th scope='col'>meaning</th></tr>"
    is_open = " open" if changed else ""
    return (
        f"<details{is_open}><summary>{html.escape(said)}</summary><table><thead>{head}</thead>{body}</table></details>"
    )


def _row(field: str, value: Any, default: Any, about: str) -> str:
    shown = str(value) if value == default else f"{value} (default: {default})"
    mark = ("<b>", "</b>") if value != default else ("", "")
    return (
        f"<tr><th scope='row'>{html.escape(field)}</th><td>{mark[0]}{html.escape(shown)}{mark[1]}</td>"
        f"<td style='text-align:left'>{html.escape(about)}</td></tr>"
    )
