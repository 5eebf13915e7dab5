"""What the rows of each frame can be filtered by in a panel.

In: a frame, the values of controls. Out: schemas of the controls, filters for `rows.newest`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perflab.present import PICTURES
from perflab.record.frames import ACCESS_EVENTS, FRAMES
from perflab.record.vocabulary import VOCABULARY

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NO_PLOT", "among", "schemas", "selected", "unused"]

NO_PLOT = "none"
_ANY = "any"
_TEXTS = {"operations": "name", "accesses": "key", "chunks": "name", "events": "name"}
"""The column of each frame that the control `text` filters."""

_FITTING = {"accesses": ("event", "tier", "operation"), "chunks": ("operation", "status", "kind", "path")}
"""The other controls that filter a frame; each is called as its column."""

_SELECTED = ("event", "tier", "operation")
"""Those of them that `Frames.select` knows; the others are looked for in what it returns."""


def schemas() -> dict[str, dict[str, Any]]:
    """Return the controls of what is shown of a run, as `Controls` takes them."""
    statuses = VOCABULARY["chunks", "status"]
    return {
        "frame": _choice("accesses", FRAMES, "which rows"),
        "event": _choice(_ANY, (_ANY, *ACCESS_EVENTS), "what happened"),
        "tier": _choice(_ANY, (_ANY, "l1", "l2", "l3"), "where"),
        "operation": _text("its exact name; empty: any"),
        "status": _choice(_ANY, (_ANY, *statuses), "what became of the chunk"),
        "kind": _text("class, function, heading, ...; empty: any"),
        "path": _text("a part of the file's path; empty: any", "file"),
        "text": _text("of accesses the key, of other rows the exact name; empty: any", "key or name"),
        "plot": _choice("hit_rate", (NO_PLOT, *PICTURES), "of the whole run"),
    }


def unused(frame: str) -> list[str]:
    """Return the controls that say nothing of a frame."""
    used = {*_FITTING.get(frame, ()), *(("text",) if frame in _TEXTS else ())}
    known = {"text", *(name for names in _FITTING.values() for name in names)}
    return sorted(known - used)


def selected(frame: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return what `Frames.select` is to filter."""
    found = {name: text for name, text in _said(frame, values).items() if name in _SELECTED}
    named = str(values["text"]).strip()
    return found | ({_TEXTS[frame]: named} if named and frame in _TEXTS else {})


def among(frame: str, values: Mapping[str, Any], rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that also pass what `Frames.select` does not know: a path by a part of it, all else exactly."""
    for name, wanted in _said(frame, values).items():
        if name == "path":
            rows = rows[rows[name].str.contains(wanted, regex=False, na=False)]
        elif name not in _SELECTED:
            rows = rows[rows[name] == wanted]
    return rows


def _said(frame: str, values: Mapping[str, Any]) -> dict[str, str]:
    texts = {name: str(values[name]).strip() for name in _FITTING.get(frame, ())}
    return {name: text for name, text in texts.items() if text not in ("", _ANY)}


def _choice(default: str, options: tuple[str, ...], about: str) -> dict[str, Any]:
    return {"enum": list(options), "default": default, "description": about}


def _text(about: str, title: str | None = None) -> dict[str, Any]:
    named = {} if title is None else {"title": title}
    return {"type": "string", "default": "", "description": about, **named}
