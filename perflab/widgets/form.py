"""Controls as one widget in the browser: labelled, described, with a message beside each.

In: fields and their values. Out: what people set, as texts, switches and lists; a callback's business to check.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from perflab.widgets.fields import Field, Shown
from perflab.widgets.panel import Panel

__all__ = ["Form"]

_SCRIPT = files("perflab.widgets").joinpath("form.js").read_text("utf-8")
_STYLE = files("perflab.widgets").joinpath("form.css").read_text("utf-8")


class Form(anywidget.AnyWidget):
    """A form; sliders of ipywidgets have no name that a screen reader could say, those of this one have.

    Attributes
    ----------
    values : dict
        What each control shows, by the field's path.
    edits : dict
        What a hand set since the last answer: `values`, and the `id` that the answer repeats, a page and a number.
        In a hurry the page sends the same as a message.
    messages : dict
        What is wrong with it.
    unused : list of str
        Paths of controls that mean nothing beside what others say; they are not shown.
    """

    _esm = _SCRIPT
    _css = _STYLE
    fields = traitlets.List(traitlets.Dict()).tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    positions = traitlets.Dict().tag(sync=True)
    messages = traitlets.Dict().tag(sync=True)
    edits = traitlets.Dict().tag(sync=True)
    answered = traitlets.Unicode("").tag(sync=True)
    opened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    unused = traitlets.List(traitlets.Unicode()).tag(sync=True)
    searchable = traitlets.Bool(False).tag(sync=True)
    _taken = traitlets.Dict()

    @classmethod
    def of(
        cls,
        fields: Sequence[Field],
        values: Mapping[str, Shown],
        positions: Mapping[str, int],
        on_edit: Callable[[Mapping[str, Shown]], object],
        panel: Panel,
        *,
        opened: Sequence[str] = (),
        searchable: bool = False,
    ) -> Form:
        """Return a form of a panel that calls `on_edit` with all values when one was set, by hand or in code."""
        made = cls(
            fields=[field.traits() for field in fields],
            values=dict(values),
            positions=dict(positions),
            opened=list(opened),
            searchable=searchable,
        )
        made.observe(panel.guarded(lambda change: on_edit(change["new"])), "values")
        made.observe(panel.guarded(made._take), "edits")
        made.on_msg(panel.guarded(made._hear))
        return made

    def put(self, path: str, value: Shown) -> None:
        """Set one control, as a hand would."""
        self.values = {**self.values, path: value}

    def show(self, values: Mapping[str, Shown], positions: Mapping[str, int]) -> None:
        """Move controls without that anybody is told of an edit that did not happen twice."""
        with self.hold_sync():
            self.positions = {**self.positions, **positions}
            self.values = {**self.values, **values}

    def copy_text(self, text: str) -> None:
        """Ask the browser to put a text on the clipboard."""
        self.send({"copy": text})

    def _hear(self, _form: Form, message: Mapping[str, Any], _buffers: object) -> None:
        if "edits" in message:
            self._accept(message["edits"])

    def _take(self, change: Mapping[str, Any]) -> None:
        self._accept(change["new"])

    def _accept(self, edits: Mapping[str, Any]) -> None:
        values, (page, _, number) = dict(edits["values"]), str(edits["id"]).rpartition("-")
        if int(number) <= self._taken.get(page, 0):
            return  # what was sent in a hurry came before it, and has newer values
        self._taken[page] = int(number)
        self.values = {**self.values, **values}
        self.answered = str(edits["id"])
