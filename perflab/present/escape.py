"""Text from outside made inert: keys, file names and messages can hold anything.

In: any text. Out: the same text in a form that HTML, Markdown, a spreadsheet or a terminal shows and never obeys.
"""

from __future__ import annotations

import html as _html
import re

from perflab.inert import html, visible

__all__ = ["csv_cell", "html", "html_lines", "markdown", "shorten", "storable", "visible"]

_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]|#!~$])")


def html_lines(text: str) -> str:
    r"""Return text of several lines, made by perflab, for an HTML element that keeps them.

    Examples
    --------
    >>> html_lines("a\n<b>")
    'a\n&lt;b&gt;'
    """
    return "\n".join(html(line) for line in text.split("\n"))


def markdown(text: object) -> str:
    r"""Return text for a Markdown table cell: no markup, no link, no HTML, no column break.

    Examples
    --------
    >>> print(markdown("<i>a|b_c http://x"))
    &lt;i&gt;a\|b\_c http&#58;//x
    """
    entities = _html.escape(_MARKDOWN_SIGNS.sub(r"\\\1", visible(text)), quote=False)
    return entities.replace("://", "&#58;//")


def csv_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: one that starts like a formula gets a leading `'`.

    Source: OWASP, "CSV Injection".

    Examples
    --------
    >>> csv_cell("=HYPERLINK(1)"), csv_cell("a-b")
    ("'=HYPERLINK(1)", 'a-b')
    """
    return f"'{visible(text)}" if text.startswith(_FORMULA_STARTS) else visible(text)


def storable(text: str) -> str:
    r"""Return text that UTF-8 can hold: lone surrogates become escapes, everything else stays.

    Examples
    --------
    >>> print(storable("a\ud800"))
    a\ud800
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shorten(text: object, limit: int) -> str:
    """Return at most `limit` visible characters; the middle is left out, since both ends of a path tell.

    Examples
    --------
    >>> shorten("perflab/present/escape.py", 15)
    'perflab…cape.py'
    """
    # A key may be megabytes long: only the ends that can be shown are made visible.
    raw = str(text)
    shown = visible(raw if len(raw) <= 2 * limit else f"{raw[:limit]}…{raw[-limit:]}")
    if len(shown) <= limit:
        return shown
    head = (limit - 1) // 2
    return f"{shown[:head]}…{shown[len(shown) - (limit - 1 - head) :]}"
