"""The front matter of a document: its name, its kind, what it depends on and what it was made from.

In: a kind, a feature, paths and digests of what it was made from. Out: `Heading`, plain data for the templates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TypedDict

__all__ = ["Heading", "document_id", "document_path", "heading"]

_PLAIN = re.compile(r"[\w./+@~()=,-](?:[\w./+@~()=, -]*[\w./+@~()=,-])?")


class Heading(TypedDict):
    """Front matter of one document; `inputs` are (path as it is written, digest), sorted."""

    id: str
    kind: str
    feature: str
    depends: list[str]
    inputs: list[tuple[str, str]]


def document_id(kind: str, feature: str = "") -> str:
    """Return the identifier of a document.

    Examples
    --------
    >>> document_id("design", "json"), document_id("product")
    ('DOC-JSON-DESIGN', 'DOC-PRODUCT')
    """
    return "-".join(part.upper() for part in ("doc", feature, kind) if part)


def document_path(kind: str, feature: str = "") -> str:
    """Return the path of a document below the output folder.

    Examples
    --------
    >>> document_path("design", "json"), document_path("product"), document_path("index")
    ('specs/json/design.md', 'steering/product.md', 'index.md')
    """
    if kind == "index":
        return "index.md"
    return f"specs/{feature}/{kind}.md" if feature else f"steering/{kind}.md"


def heading(kind: str, feature: str, inputs: Iterable[tuple[str, str]], depends: Iterable[str] = ()) -> Heading:
    """Return the front matter of a document made from files given as (path, digest)."""
    return Heading(
        id=document_id(kind, feature),
        kind=kind,
        feature=feature,
        depends=list(depends),
        inputs=[(_quoted(path), digest) for path, digest in sorted(inputs)],
    )


def _quoted(path: str) -> str:
    return path if _PLAIN.fullmatch(path) else json.dumps(path, ensure_ascii=False)
