"""One HTML file that needs no network, no script and no second file.

In: headings, sentences, plots and tables. Out: the page's text, the same bytes for the same content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import RunError
from perflab.present import escape, theme
from perflab.present.picture import Picture
from perflab.present.tables import Table
from perflab.record.store import write_atomically

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

__all__ = ["Page", "Part", "plotted", "save", "tabled"]


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the page: what it shows, or the sentence that says why it shows nothing."""

    identifier: str
    heading: str
    lead: str
    blocks: tuple[Markup, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says.

    Attributes
    ----------
    title, facts
        Its heading, and names and values under it.
    sentences
        The summary.
    parts
        The sections.
    footer
        What it was made from.
    status, status_note
        A state that the reader must know of, and why; empty for none.
    counts
        Mark, role, verdict and number of each verdict, told above the summary.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sentences: Sequence[str]
    parts: Sequence[Part]
    footer: str
    status: str = ""
    status_note: str = ""
    counts: Sequence[tuple[str, str, str, int]] = ()

    def html(self) -> str:
        """Return the page's text."""
        return _template().render(
            title=self.title,
            status=self.status,
            status_note=self.status_note,
            facts=self.facts,
            sentences=self.sentences,
            counts=self.counts,
            colors=_markup(theme.stylesheet()),
            parts=self.parts,
            footer=self.footer,
        )


def save(target: Path, content: str | bytes) -> None:
    """Write a file atomically, its folder made if it is missing; one sentence if that fails."""
    shown = escape.shorten(target, 200)
    if target.is_dir():
        raise RunError(f"The report cannot be written to '{shown}': it is a folder; name a file in it.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content, mode=0o644)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(f"The report cannot be written to '{shown}': {reason}; choose another file.") from error


def plotted(picture: Picture) -> Markup:
    """Return a plot as a block of a section."""
    return _markup(f'<figure class="scroll" tabindex="0">{picture.svg()}</figure>')


def tabled(table: Table) -> Markup:
    """Return a table as a block of a section; without rows, a sentence."""
    if table:
        return _markup(table.html())
    return _markup(f'<p class="none">{escape.html(table.caption)}: nothing of the kind was recorded.</p>')


def _markup(html: str) -> Markup:
    from markupsafe import Markup

    return Markup(html)  # noqa: S704  # every caller passes what escape.html or the theme made


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else escape.visible(value),
    )
    return environment.from_string(files("perflab.present").joinpath("templates/report.html.j2").read_text("utf-8"))
