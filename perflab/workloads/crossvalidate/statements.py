"""Everything that one document states and that a rule may compare.

In: a parsed document. Out: `Statements`, which the caches keep as bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import attrgetter

from perflab.workloads.crossvalidate.passages import Passage, passages
from perflab.workloads.document import CodeReference, Definition, Document, Quantity, Reference

__all__ = ["Statements", "from_bytes", "state", "to_bytes"]


_DEFINITION = attrgetter("identifier", "title", "line")
_REFERENCE = attrgetter("source_identifier", "relation", "target", "line")
_QUANTITY = attrgetter("subject", "attribute", "value", "unit", "line")
_CODE = attrgetter("text", "kind", "line")
_PASSAGE = attrgetter("title", "line", "shingles")


@dataclass(frozen=True, slots=True)
class Statements:
    """What one document states. `inputs` are (path, digest) pairs of source files."""

    path: str
    id: str
    inputs: tuple[tuple[str, str], ...]
    depends: tuple[str, ...]
    definitions: tuple[Definition, ...]
    references: tuple[Reference, ...]
    quantities: tuple[Quantity, ...]
    code: tuple[CodeReference, ...]
    passages: tuple[Passage, ...]


def state(document: Document) -> Statements:
    """Return what a document states."""
    return Statements(
        path=document.path,
        id=document.id,
        inputs=tuple(document.inputs.items()),
        depends=document.depends,
        definitions=document.definitions,
        references=document.references,
        quantities=document.quantities,
        code=document.code,
        passages=tuple(passages(document)),
    )


def to_bytes(statements: Statements) -> bytes:
    """Return statements as JSON, for a cache that keeps bytes.

    Examples
    --------
    >>> from perflab.workloads.document import parse
    >>> statements = state(parse("---\\nid: DOC-A\\nkind: product\\ndepends: []\\n---\\n# A\\n", "a.md"))
    >>> from_bytes(to_bytes(statements)) == statements
    True
    """
    rows = (
        statements.path,
        statements.id,
        statements.inputs,
        statements.depends,
        [_DEFINITION(item) for item in statements.definitions],
        [_REFERENCE(item) for item in statements.references],
        [_QUANTITY(item) for item in statements.quantities],
        [_CODE(item) for item in statements.code],
        [_PASSAGE(item) for item in statements.passages],
    )
    return json.dumps(rows, separators=(",", ":")).encode("ascii")


def from_bytes(data: bytes) -> Statements:
    """Return the statements that `to_bytes` packed."""
    path, id_, inputs, depends, definitions, references, quantities, code, found = json.loads(data)
    return Statements(
        path=path,
        id=id_,
        inputs=tuple((source, digest) for source, digest in inputs),
        depends=tuple(depends),
        definitions=tuple(Definition(*row) for row in definitions),
        references=tuple(Reference(*row) for row in references),
        quantities=tuple(Quantity(*row) for row in quantities),
        code=tuple(CodeReference(*row) for row in code),
        passages=tuple(Passage(title, line, tuple(hashes)) for title, line, hashes in found),
    )
