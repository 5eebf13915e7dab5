"""How panels look, and whose keys are whose: one small widget in each panel, which shows nothing.

In: the theme's colours, a stylesheet. Out: a widget.
"""

from __future__ import annotations

from importlib.resources import files

import anywidget

from perflab.present import theme

__all__ = ["Look"]


class Look(anywidget.AnyWidget):
    """The stylesheet of all panels, and the keys that JupyterLab would take otherwise."""

    _esm = files("perflab.widgets").joinpath("look.js").read_text("utf-8")
    _css = f"{theme.stylesheet()}\n{files('perflab.widgets').joinpath('panel.css').read_text('utf-8')}"
