"""A config as others may see it.

In: a config. Out: its settings for a run's facts, without secrets; or HTML with a table a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from perflab import inert
from perflab.redact import site_of

__all__ = ["public_settings", "settings_html"]


def public_settings(config: BaseModel) -> dict[str, Any]:
    """Return the settings as JSON has them; of a setting that may hold a secret only whom it addresses is told.

    Examples
    --------
    >>> from perflab.config import Config
    >>> config = Config(alerts={"webhook_url": "https://hooks.example/services/T000/B000"})
    >>> public_settings(config)["alerts"]["webhook_url"]
    'https://hooks.example/…'
    """
    settings = config.model_dump(mode="json")
    for field, facts in type(config).model_fields.items():
        value = getattr(config, field)
        if isinstance(value, BaseModel):
            settings[field] = public_settings(value)
        elif not facts.repr and value is not None:
            settings[field] = site_of(value)
    return settings


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
            shown = value if facts.repr or value is None else site_of(value)
            plain.append((field, shown, usual, facts.description or ""))
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
        f"<details{is_open}><summary>{inert.html(said)}</summary><table><thead>{head}</thead>{body}</table></details>"
    )


def _row(field: str, value: Any, default: Any, about: str) -> str:
    shown = str(value) if value == default else f"{value} (default: {default})"
    mark = ("<b>", "</b>") if value != default else ("", "")
    return (
        f"<tr><th scope='row'>{inert.html(field)}</th><td>{mark[0]}{inert.html(shown)}{mark[1]}</td>"
        f"<td style='text-align:left'>{inert.html(about)}</td></tr>"
    )
