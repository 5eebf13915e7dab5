"""What every panel has: a heading, a line that says how things stand, callbacks that cannot fail in silence.

In: widgets. Out: one widget that a notebook shows.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

import ipywidgets as widgets

from perflab.compiled import telling
from perflab.errors import ConfigError, PerflabError
from perflab.present import escape
from perflab.widgets.look import Look

__all__ = ["Panel", "button", "figure", "markup", "need_system", "row"]

P = ParamSpec("P")
R = TypeVar("R")


class Panel:
    """A panel in a notebook; the last line of a cell shows it.

    Parameters
    ----------
    heading
        Its name.
    kind
        Its CSS class, after `perflab-`.

    Attributes
    ----------
    widget : ipywidgets.VBox
        What is shown; it can stand in other widgets.
    """

    def __init__(self, heading: str, kind: str) -> None:
        self.status = markup("")
        self.status.add_class("perflab-status")
        self._heading = markup(f"<h3>{escape.html(heading)}</h3>")
        look = Look()
        look.on_msg(self.guarded(self._hear))
        self.widget = widgets.VBox([look, self._heading, self.status])
        self.widget.add_class("perflab")
        self.widget.add_class(f"perflab-{kind}")
        self.say("")

    def fill(self, *parts: Any) -> None:
        """Show these widgets between the heading and the status line."""
        look, heading, *_ = self.widget.children
        self.widget.children = (look, heading, *parts, self.status)

    def say(self, text: str, *, is_wrong: bool = False) -> None:
        """Show one sentence in the status line."""
        mark = "✗ " if is_wrong else ""
        kind = "bad" if is_wrong else "muted"
        self.status.value = f'<p role="status" class="{kind}">{mark}{escape.html(escape.shorten(text, 400))}</p>'

    def fail(self, error: Exception) -> None:
        """Show an exception in the status line."""
        said = str(error) if isinstance(error, PerflabError) else f"{type(error).__name__}: {error}"
        self.say(said.partition("\n")[0], is_wrong=True)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Show in the status line what is waited for inside, and afterwards what stood there before."""
        before = self.status.value
        told = [before]

        def tell(text: str) -> None:
            self.say(text)
            told.append(self.status.value)

        with telling(tell):
            yield
        if self.status.value == told[-1]:  # nobody else said something meanwhile
            self.status.value = before

    def guarded(self, callback: Callable[P, R]) -> Callable[P, R | None]:
        """Return a callback whose exception becomes the status line; a notebook would show nothing of it.

        Whatever a browser, a system or a thread calls goes through here. A call that failed returns None.
        """

        @functools.wraps(callback)
        def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                return callback(*args, **kwargs)
            except Exception as error:
                self.fail(error)
                return None

        return call

    @property
    def is_closed(self) -> bool:
        """Whether the panel was taken off the page, by `close` or by ipywidgets."""
        return self.widget.comm is None

    def close(self) -> None:
        """End what runs behind the panel and take it off the page."""
        for part in _parts(self.widget):
            part.close()

    def _hear(self, _look: Look, message: object, _buffers: object) -> None:
        # What changes between a page's asking for all widgets and its listening to them is lost to it.
        if message == Look.SHOWN:
            for part in _parts(self.widget):
                _send(part)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return self.widget._repr_mimebundle_(**kwargs)


def need_system(given: object, panel: str) -> None:
    """Refuse what is no system.

    Raises
    ------
    ConfigError
        With what was given to which panel.
    """
    if not (hasattr(given, "apply") and hasattr(given, "frames")):
        raise ConfigError(f"A {panel} was given a {type(given).__name__}; give it a system: PerformanceSystem().")


def _parts(widget: Any) -> Iterator[Any]:
    """Yield all that is in a widget, then the widget."""
    for child in getattr(widget, "children", ()):
        yield from _parts(child)
    yield widget


def _send(widget: Any) -> None:
    names = [name for name in widget.keys if not name.startswith("_")]
    while True:
        sent = widget.get_state(names)
        widget.send_state(names)
        if widget.get_state(names) == sent:  # else a thread changed it meanwhile, and its message may have come first
            return


def button(text: str, on_click: Callable[[], object], panel: Panel, *, hint: str = "", is_main: bool = False) -> Any:
    """Return a button whose click cannot fail in silence."""
    made = widgets.Button(description=text, tooltip=hint or text, button_style="primary" if is_main else "")
    made.on_click(panel.guarded(lambda _: on_click()))
    return made


def markup(html: str) -> Any:
    """Return a widget that shows HTML which the caller has made safe."""
    return widgets.HTML(html)


def figure(svg: str) -> str:
    """Return a plot, which has its own name for readers, as one text: one trait shows it whole."""
    return f'<figure class="perflab-figure">{svg}</figure>'


def row(parts: Sequence[Any], kind: str = "row") -> Any:
    """Return widgets side by side, wrapped where there is no room."""
    made = widgets.Box(list(parts))
    made.add_class(f"perflab-{kind}")
    return made
