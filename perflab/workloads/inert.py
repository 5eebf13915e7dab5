"""Text from foreign files, made harmless for a Markdown document.

In: a docstring, signature or file name of any content. Out: one line that cannot end a code span, start a heading,
close a front matter, add HTML, or pass for an identifier.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["inert_code", "inert_prose", "is_quotable"]

MAX_PROSE: Final = 160
MAX_CODE: Final = 600

_DASHES = re.compile(r"-{3,}")
_PROSE = str.maketrans({"`": "'", "[": "(", "]": ")", "|": "/", "<": "&lt;", ">": "&gt;"})
_UNQUOTABLE = re.compile(r"[`|<>\[\]]")


def inert_prose(text: str) -> str:
    """Return one line of running text; characters with a meaning in Markdown are replaced, long text is cut.

    Examples
    --------
    >>> inert_prose("see [REQ-A-001]\\n--- <b>")
    'see (REQ-A-001) -- &lt;b&gt;'
    """
    return _cut(_DASHES.sub("--", _one_line(text)), MAX_PROSE).translate(_PROSE)


def inert_code(text: str) -> str:
    """Return one line that can stand between backticks.

    Examples
    --------
    >>> inert_code("f(quote='`', end='\\x1b')")
    "f(quote=''', end=' ')"
    """
    return _cut(_one_line(text), MAX_CODE).replace("`", "'")


def is_quotable(path: str) -> bool:
    """Tell whether a path can stand in a document unchanged.

    Examples
    --------
    >>> is_quotable("json/decoder.py"), is_quotable("a\\nb.py"), is_quotable("[REQ-A-001].py")
    (True, False, False)
    """
    return path.isprintable() and path == " ".join(path.split()) and not _UNQUOTABLE.search(path)


def _one_line(text: str) -> str:
    """Return text without control, format (bidi) and surrogate characters, runs of blanks made one."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(text.split())


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3].rstrip() + "..."
