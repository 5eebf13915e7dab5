"""Text from outside that HTML shows and never obeys.

In: any text. Out: the same text without what reorders, hides or controls, and for HTML without markup.
"""

from __future__ import annotations

import html as _html
import unicodedata

__all__ = ["html", "lines", "visible"]

# The joiners are letters' business (Persian, emoji); every other format character can reorder or hide text.
_HARMLESS_FORMATS = frozenset("\u200c\u200d")
_NONCHARACTERS = frozenset("\ufffe\uffff")


def visible(text: object) -> str:
    r"""Return text with control, bidirectional, separator and surrogate characters written as escapes.

    Examples
    --------
    >>> print(visible("a\x1b[31m\u202eb\n"))
    a\x1b[31m\u202eb\n
    """
    shown = str(text)
    return shown if shown.isprintable() else "".join(map(_visible_character, shown))


def lines(text: str) -> str:
    r"""Return text of several lines, each made visible, for a terminal or a file.

    Examples
    --------
    >>> print(lines("a\x1b[2J\nb"))
    a\x1b[2J
    b
    """
    return "\n".join(map(visible, text.split("\n")))


def html(text: object) -> str:
    """Return text for an HTML element or a quoted attribute.

    Examples
    --------
    >>> html('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    return _html.escape(visible(text), quote=True)


def _visible_character(character: str) -> str:
    category = unicodedata.category(character)
    hidden = category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and character not in _HARMLESS_FORMATS)
    if not hidden and character not in _NONCHARACTERS:
        return character
    return character.encode("unicode_escape").decode("ascii")
