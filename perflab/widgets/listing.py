"""A table in the browser whose rows can be picked.

In: tables whose cells say what they pick. Out: a call with what was picked.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

import anywidget
import traitlets

from perflab.widgets.panel import Panel

__all__ = ["Listing"]

_SCRIPT = files("perflab.widgets").joinpath("listing.js").read_text("utf-8")


class Listing(anywidget.AnyWidget):
    """HTML whose buttons with `data-pick` pick something.

    Attributes
    ----------
    html : str
        What is shown, made safe.
    marked : list of str
        What is shown as picked.
    """

    _esm = _SCRIPT
    html = traitlets.Unicode("").tag(sync=True)
    marked = traitlets.List(traitlets.Unicode()).tag(sync=True)
    picked = traitlets.Dict().tag(sync=True)

    @classmethod
    def of(cls, on_pick: Callable[[str], object], panel: Panel) -> Listing:
        """Return an empty listing of a panel that calls `on_pick` with what a click picks."""
        made = cls()
        made.observe(panel.guarded(lambda change: on_pick(str(change["new"]["pick"]))), "picked")
        return made

    def pick(self, what: str) -> None:
        """Pick something, as a click would."""
        self.picked = {"pick": what, "count": self.picked.get("count", 0) + 1}
