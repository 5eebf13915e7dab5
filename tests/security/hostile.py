"""Names that people and attackers give to things, a run that is full of them, and what must never come out.

In: nothing. Out: `NAMES`, `run_data()`, `check_text`, `check_html`.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd

from perflab.present import escape
from perflab.present.report import ReportData
from perflab.record.frames import FRAMES, columns

NAMES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)' x='",
    "</style></title></svg><script>alert(1)</script>",
    "]]><svg onload=alert(1)>",
    "javascript:alert(1)",
    '=HYPERLINK("http://evil.example","x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\x1b]0;owned\x07\x1b[2J\x1b[31m",
    "\x9b31m",
    "\u202egnp.exe\u2066",
    "line\nperflab_fake_total 1\n# TYPE x counter",
    'label"} 1\\',
    "| a | [x](javascript:alert(1)) ![y](http://evil.example/y.png) `code` <b>",
    "{{7*7}}{% raw %}${7*7}",
    "$\\frac{1}{0}$ \\input{/etc/passwd}",
    "[bold red]markup[/bold red] :bomb:",
    "nul\x00byte",
    "lone \ud800 surrogate",
    "line\u2028and\u2029paragraph",
    "../../etc/passwd",
    "%s %d {0}",
    "x" * 5_000,
    "",
    "'; DROP TABLE Cache; --",
)
CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TIME = pd.Timestamp("2026-03-01T12:00:00Z")
_LOADS = ("href", "src", "xlink:href", "data", "action", "formaction", "srcset", "poster", "background")


def check_text(text: str) -> None:
    """No character in a text moves a cursor, reorders or hides what is around it."""
    assert not (found := CONTROLS.search(text)), f"{found!r} in {text[max(0, found.start() - 60) :][:120]!r}"
    text.encode("utf-8")


class _Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def check_html(html: str) -> None:
    """No script, no handler of events, nothing that is fetched from elsewhere, no control character."""
    check_text(html)
    for tag, attributes in _Elements(html).found:
        assert tag not in ("script", "iframe", "object", "embed", "base", "form", "img"), tag
        assert not [name for name in attributes if name.startswith("on")], attributes
        for name in _LOADS:
            assert attributes.get(name, "#").startswith(("#", "data:,")), attributes
    assert not re.search(r"url\((?!#)|@import", html)


def frame(name: str) -> pd.DataFrame:
    """Return rows of a frame in which every text is hostile, one row a name; made from the schema, so a new column is
    in it by itself."""
    return pd.DataFrame({column.name: _values(column.dtype) for column in columns(name)})


def _values(dtype: str) -> Any:
    count = len(NAMES)
    stored = [escape.storable(name) for name in NAMES]  # pandas holds UTF-8 alone
    return {
        "category": pd.Categorical(stored),
        "string": pd.array(stored, dtype="string"),
        "int": pd.array(range(count), dtype="Int64"),
        "float": pd.array([float(number) for number in range(count)], dtype="float64"),
        "bool": pd.array([number % 2 == 0 for number in range(count)], dtype="boolean"),
        "time": pd.DatetimeIndex([_TIME + pd.Timedelta(seconds=number) for number in range(count)]),
    }[dtype]


def metrics() -> pd.DataFrame:
    names = [escape.storable(name) for name in NAMES]
    rows = [(f"{name}.time", 1.0, 0.5, 1.5, "s", name, name, 6) for name in names]
    rows += [("cache.hit_rate", 0.5, 0.4, 0.6, "ratio", "measured", name, 6) for name in names]
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "unit", "how", "method", "n"])


def run_data() -> ReportData:
    """Return a run whose every text is hostile."""
    frames = {name: frame(name) for name in FRAMES}
    nested: dict[str, Any] = {name: [name, {name: name}] for name in NAMES}
    facts = {name: " ".join(NAMES) for name in ("label", "run_id", "status", "started", "finished", "given_up")}
    info = {**facts, "host": nested, "versions": dict.fromkeys(NAMES, NAMES[0]), "config": nested, "seed": NAMES[0]}
    return ReportData(info, metrics(), frames["targets"], frames)
