"""How panels look, whose keys are whose, and when a page shows them: one small widget in each panel.

In: the theme's colours, a stylesheet. Out: a widget that shows nothing, and a message when a page shows its panel.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import ClassVar

import anywidget

from perflab.present import theme

__all__ = ["Look"]


class Look(anywidget.AnyWidget):
    """The stylesheet of all panels, and the keys that JupyterLab would take otherwise.

    Each time that a page shows it, it sends `SHOWN`.
    """

    SHOWN: ClassVar[Mapping[str, bool]] = {"shown": True}

    _esm = files("perflab.widgets").joinpath("look.js").read_text("utf-8")
    _css = f"{theme.stylesheet()}\n{files('perflab.widgets').joinpath('panel.css').read_text('utf-8')}"
