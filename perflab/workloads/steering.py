"""Product, structure and tech of a whole tree, and the index of all documents.

In: the layout and the features' summaries; for the index, what was found in the documents. Out: plain data for the
templates.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

from perflab.workloads.heading import Heading, document_id, heading
from perflab.workloads.layout import Layout, resolve
from perflab.workloads.summary import (
    FileRow,
    Stated,
    Summary,
    inputs_of,
    stated,
    stated_of_feature,
    stated_of_file,
    total,
)

__all__ = ["Index", "IndexRow", "Product", "Structure", "Tech", "index", "product", "structure", "tech"]


class Product(TypedDict):
    """What the tree offers, one row a feature, with its quantities."""

    heading: Heading
    name: str
    features: list[dict[str, str]]
    stated: list[Stated]


class Structure(TypedDict):
    """Where everything stands: the files of each feature."""

    heading: Heading
    name: str
    features: list[dict[str, object]]


class Tech(TypedDict):
    """What the tree is built with: languages, imported modules, constants, and files without a syntax tree."""

    heading: Heading
    languages: list[Stated]
    imports: list[dict[str, object]]
    constants: list[Stated]
    unparsed: list[dict[str, str]]


class IndexRow(TypedDict):
    """One document as the index lists it; `definitions` counts the identifiers that it defines."""

    path: str
    id: str
    kind: str
    feature: str
    digest: str
    definitions: int


class Index(TypedDict):
    """All documents with their digests, and what was skipped."""

    heading: Heading
    documents: list[IndexRow]
    stated: list[Stated]
    skipped: list[dict[str, str]]


def product(layout: Layout, summaries: list[Summary]) -> Product:
    """Return the product document's content."""
    rows = _rows(summaries)
    return Product(
        heading=heading("product", "", inputs_of(rows)),
        name=layout.name,
        features=[
            {"name": item["feature"], "doc": item["doc"], "id": document_id("requirements", item["feature"])}
            for item in summaries
        ],
        stated=[*(row for item in summaries for row in stated_of_feature(item)), *total("all features", rows)],
    )


def structure(layout: Layout, summaries: list[Summary]) -> Structure:
    """Return the structure document's content."""
    return Structure(
        heading=heading("structure", "", inputs_of(_rows(summaries)), [document_id("product")]),
        name=layout.name,
        features=[
            {
                "name": item["feature"],
                "files": [{"path": row["path"], "stated": stated_of_file(row)} for row in item["files"]],
            }
            for item in summaries
        ],
    )


def tech(layout: Layout, summaries: list[Summary]) -> Tech:
    """Return the tech document's content."""
    rows = _rows(summaries)
    return Tech(
        heading=heading("tech", "", inputs_of(rows), [document_id("structure")]),
        languages=_languages(rows),
        imports=_imports(layout, summaries),
        constants=[constant for item in summaries for constant in item["constants"]],
        unparsed=[{"path": row["path"], "error": row["error"]} for row in rows if row["error"]],
    )


def index(layout: Layout, documents: Iterable[IndexRow]) -> Index:
    """Return the index's content; `documents` are all other documents of the set."""
    rows = sorted(documents, key=lambda row: row["path"])
    counts = [
        stated(row["feature"], _COUNTED[row["kind"]], f"{row['definitions']} {_COUNTED[row['kind']]}")
        for row in rows
        if row["kind"] in _COUNTED
    ]
    return Index(
        heading=heading("index", "", (), [row["id"] for row in rows]),
        documents=rows,
        stated=[*counts, stated("all features", "documents", f"{len(rows) + 1} documents")],
        skipped=[{"path": path, "reason": reason} for path, reason in layout.skipped],
    )


_COUNTED = {"requirements": "requirements", "design": "design elements", "tasks": "tasks"}


def _rows(summaries: list[Summary]) -> list[FileRow]:
    return [row for item in summaries for row in item["files"]]


def _languages(rows: list[FileRow]) -> list[Stated]:
    counts = Counter(row["language"] for row in rows)
    return [stated(language, "files", f"{counts[language]} files") for language in sorted(counts)]


def _imports(layout: Layout, summaries: list[Summary]) -> list[dict[str, object]]:
    """Return the imported modules by origin, each with the number of files that import it."""
    counts: Counter[str] = Counter()
    for item in summaries:
        counts.update(item["imports"])
    groups: dict[str, list[Stated]] = {"This tree": [], "Standard library": [], "Other packages": []}
    for module in sorted(counts):
        groups[_origin(layout, module)].append(stated(module, "importing files", f"{counts[module]} files"))
    return [{"title": title, "stated": rows} for title, rows in groups.items() if rows]


def _origin(layout: Layout, module: str) -> str:
    if resolve(layout, module):
        return "This tree"
    return "Standard library" if module.partition(".")[0] in sys.stdlib_module_names else "Other packages"
