"""One feature in figures: what the steering documents need to know of it.

In: a feature's slug and the facts of its files. Out: a `Summary`, plain data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

from perflab.units import format_bytes
from perflab.workloads.facts import full_name
from perflab.workloads.factsheet import FileFacts, Symbol

__all__ = [
    "CodeLine",
    "FileRow",
    "Stated",
    "Summary",
    "code_line",
    "constants_of",
    "inputs_of",
    "public_symbols",
    "row_of",
    "stated",
    "stated_of_feature",
    "stated_of_file",
    "summarise",
    "total",
]

_DOCUMENTED_BY = ("__init__.py", "index.ts", "index.js", "README.md")


class Stated(TypedDict):
    """A quantity as a document states it: `subject | attribute | text`."""

    subject: str
    attribute: str
    text: str


class CodeLine(TypedDict):
    """A definition as a document names it: `signature` with its parameters, `symbol` where there are none."""

    kind: str
    text: str


class FileRow(TypedDict):
    """One file in figures; `complexity` is the greatest of its functions, 0 without any."""

    path: str
    language: str
    digest: str
    lines: int
    nbytes: int
    functions: int
    public: int
    complexity: int
    error: str | None


class Summary(TypedDict):
    """One feature in figures. `imports` counts the importing files of each module."""

    feature: str
    doc: str
    files: list[FileRow]
    imports: dict[str, int]
    constants: list[Stated]


def stated(subject: str, attribute: str, text: str) -> Stated:
    """Return one quantity; `text` is a number, and a unit unless it is a plain value."""
    return Stated(subject=subject, attribute=attribute, text=text)


def code_line(facts: FileFacts, symbol: Symbol) -> CodeLine:
    """Return the line that names a definition; a class is named without its bases, which nobody calls it with."""
    if symbol["kind"] == "class" or "(" not in symbol["signature"]:
        return CodeLine(kind="symbol", text=full_name(facts, symbol))
    return CodeLine(kind="signature", text=symbol["signature"])


def inputs_of(facts: Iterable[FileFacts | FileRow]) -> list[tuple[str, str]]:
    """Return path and digest of some files, for a front matter."""
    return [(item["path"], item["digest"]) for item in facts]


def summarise(feature: str, facts: list[FileFacts]) -> Summary:
    """Return the figures of one feature from the facts of its files."""
    imports: Counter[str] = Counter()
    for item in facts:
        imports.update({imported["module"] for imported in item["imports"] if imported["module"]})
    return Summary(
        feature=feature,
        doc=_doc(facts),
        files=[row_of(item) for item in facts],
        imports=dict(sorted(imports.items())),
        constants=[constant for item in facts for constant in constants_of(item)],
    )


def public_symbols(facts: FileFacts) -> list[Symbol]:
    """Return the public definitions, the first of each name, in the file's order."""
    first: dict[str, Symbol] = {}
    for symbol in facts["symbols"]:
        if symbol["public"]:
            first.setdefault(symbol["name"], symbol)
    return list(first.values())


def stated_of_file(row: FileRow) -> list[Stated]:
    """Return what documents state of one file."""
    figures = [("lines", f"{row['lines']} lines"), ("size", format_bytes(row["nbytes"]))]
    if row["functions"]:
        figures.append(("functions", f"{row['functions']} functions"))
        figures.append(("greatest complexity", f"{row['complexity']} paths"))
    return [stated(row["path"], name, text) for name, text in figures]


def stated_of_feature(summary: Summary) -> list[Stated]:
    """Return what documents state of one feature."""
    return total(summary["feature"], summary["files"])


def total(subject: str, rows: list[FileRow]) -> list[Stated]:
    """Return what documents state of some files together."""
    figures = (
        ("files", f"{len(rows)} files"),
        ("lines", f"{sum(row['lines'] for row in rows)} lines"),
        ("size", format_bytes(sum(row["nbytes"] for row in rows))),
        ("functions", f"{sum(row['functions'] for row in rows)} functions"),
        ("public symbols", f"{sum(row['public'] for row in rows)} symbols"),
        ("greatest complexity", f"{max((row['complexity'] for row in rows), default=0)} paths"),
    )
    return [stated(subject, name, text) for name, text in figures]


def row_of(facts: FileFacts) -> FileRow:
    """Return the figures of one file."""
    functions = [symbol["complexity"] for symbol in facts["symbols"] if symbol["complexity"]]
    return FileRow(
        path=facts["path"],
        language=facts["language"],
        digest=facts["digest"],
        lines=facts["lines"],
        nbytes=facts["nbytes"],
        functions=len(functions),
        public=len(public_symbols(facts)),
        complexity=max(functions, default=0),
        error=facts["error"],
    )


def _doc(facts: list[FileFacts]) -> str:
    """Return the first line of the feature's own documentation, or of the first file that has any."""
    documented = [item for item in facts if item["doc"]]
    documented.sort(key=lambda item: not item["path"].endswith(_DOCUMENTED_BY))
    return documented[0]["doc"] if documented else ""


def constants_of(facts: FileFacts) -> list[Stated]:
    """Return the numeric constants of one file, the last value of each name, as they stand after import."""
    last = {constant["name"]: constant["number"] for constant in facts["constants"]}
    module = facts["module"]
    return [stated(f"{module}.{name}", "value", repr(number)) for name, number in last.items() if number is not None]
