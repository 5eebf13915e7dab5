"""Markdown cut at its headings without a syntax tree, as fast as a disk gives it.

In: windows of a Markdown stream. Out: the borders of its sections, and the headings that an offset lies under.

Headings are those of CommonMark 0.31 at the top level: `#` to `######`, and lines under which `===` or `---` stands;
not in fenced code, and not in the metadata that a file may begin with. Those in quotes and lists are not looked for:
they name a part of a quote or an item, and no section of the file.

The grammar of `languages/table.py` cuts Markdown too, with chunks that know of lists and tables. A syntax tree of
gigabytes takes minutes, though, which is why there is this second way, for files that are streamed. What both call a
heading is held equal in `tests/chunk/test_headings.py`.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

__all__ = ["Heading", "Headings"]

_SIGN = rb"( {0,3}(?:#{1,6}(?=[ \t\r\n]|\Z)|`{3,}|~{3,}|(?:=+|-+)[ \t]*\r?(?:\n|\Z)))"
_MARK = re.compile(rb"\n" + _SIGN)
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?" + _SIGN)
_CONTAINER = re.compile(rb" {0,3}(?:[>|]|[-*+][ \t]+[^ \t\r\n]|\d{1,9}[.)][ \t]|:?-+:?[ \t]*\|)")
_RULE = rb"(?:\*\s*){3,}$|(?:-\s*){3,}$|(?:_\s*){3,}$"
_NO_PARAGRAPH = re.compile(rb"\s*$| {0,3}(?:#{1,6}(?:\s|$)|```|~~~|[=-]+[ \t]*\r?$|" + _RULE + rb")", re.MULTILINE)
_CLOSING = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_MATTER = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?s:.*?)\n(?:---|\.\.\.)[ \t]*(?=\r?\n)")
_NAME_BYTES = 200


@dataclass(slots=True)
class Heading:
    """One heading: where its line begins, its level, what stands on it, the heading that it is under."""

    start: int
    level: int
    line: bytes
    above: Heading | None

    @property
    def path(self) -> tuple[str, ...]:
        """Return its title behind those of the headings that it is under."""
        title = _CLOSING.sub("", self.line.split(b"\n", 1)[0].decode("utf-8", "replace").strip())
        return (title,) if self.above is None else (*self.above.path, title)


class Headings:
    """Finds the sections of a Markdown stream as it comes.

    Examples
    --------
    >>> headings = Headings()
    >>> headings.feed(b"# One\\n\\n## Two\\n```\\n# code\\n```\\n", 0, last=True)
    >>> headings.between(0, 99), headings.at(7).path
    ([0, 7], ('One', 'Two'))
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._found: list[Heading] = []
        self._open: Heading | None = None
        self._fence = b""
        self._seen = 0

    def feed(self, window: bytes, base: int, *, last: bool) -> None:
        """Look at the whole lines of a window that were not seen before."""
        stop = len(window) if last else window.rfind(b"\n") + 1
        at = self._seen - base
        if stop <= at:
            return
        if self._seen == 0 and (matter := _MATTER.match(window)) is not None:
            at = matter.end() + 1
        mark = _FIRST.match(window, 0, stop) if at == 0 else None
        at = max(at - 1, 0)
        while (mark := mark or _MARK.search(window, at, stop)) is not None:
            at, mark = self._take(window, mark, base), None
        self._seen = base + stop

    def between(self, low: int, high: int) -> list[int]:
        """Return the starts of the sections in `[low, high]`."""
        return self._starts[bisect_left(self._starts, low) : bisect_right(self._starts, high)]

    def at(self, offset: int) -> Heading | None:
        """Return the section that an offset lies in; None before the first heading."""
        index = bisect_right(self._starts, offset)
        return self._found[index - 1] if index else None

    def drop(self, before: int) -> None:
        """Forget the sections before an offset, except the one that it lies in."""
        gone = max(bisect_right(self._starts, before) - 1, 0)
        del self._starts[:gone], self._found[:gone]

    def _take(self, window: bytes, mark: re.Match[bytes], base: int) -> int:
        """Take note of one mark; return where to look on."""
        start, sign = mark.start(1), mark[1].strip()
        kind = sign[:1]
        if kind in b"`~":
            self._toggle(window, sign, mark.end())
        elif kind == b"#" and not self._fence:
            self._add(base + start, len(sign), window[mark.end() : mark.end() + _NAME_BYTES])
        elif not self._fence and (above := _paragraph_above(window, start)) is not None:
            self._add(base + above, 1 if kind == b"=" else 2, window[above : min(start, above + _NAME_BYTES)])
        return mark.end() - mark[0].endswith(b"\n")

    def _toggle(self, window: bytes, sign: bytes, end: int) -> None:
        line_end = window.find(b"\n", end)
        rest = window[end : line_end if line_end >= 0 else len(window)].strip()
        if not self._fence:
            self._fence = b"" if sign[:1] == b"`" and b"`" in rest else sign
        elif sign.startswith(self._fence) and not rest:
            self._fence = b""

    def _add(self, start: int, level: int, line: bytes) -> None:
        above = self._open
        while above is not None and above.level >= level:
            above = above.above
        self._open = Heading(start, level, line, above)
        self._starts.append(start)
        self._found.append(self._open)


def _paragraph_above(window: bytes, start: int) -> int | None:
    """Return where the paragraph that ends before `start` begins; None if there is none, or a list, quote or table."""
    first, stop = None, start
    while stop > 0:
        above = window.rfind(b"\n", 0, stop - 1) + 1
        line = window[above:stop]
        if _CONTAINER.match(line):
            return None
        if _NO_PARAGRAPH.match(line):
            break
        if not line.startswith(b"    "):  # an indented line may go on with a paragraph, and is code before one
            first = above
        stop = above
    return first
