"""The form that every document and every set of documents must have.

In: documents as text by path. Out: findings: rule, document, line, message; a set that perflab made has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from perflab.errors import SourceError
from perflab.workloads.document import FEATURE_KINDS, IDENTIFIER, Document, parse
from perflab.workloads.facts import digest
from perflab.workloads.heading import document_id, document_path

__all__ = ["RULES", "Examined", "Finding", "Rule", "check", "examine", "judge"]

Complaint = tuple[int, str]


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """One breach of a rule. Findings sort by document and line."""

    document: str
    line: int
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule about a single document; `complaints` yields (line, message)."""

    name: str
    meaning: str
    complaints: Callable[[Document], Iterator[Complaint]]


class Examined(TypedDict):
    """What one document alone tells; plain data, so that it can be cached with the document.

    `defines`, `refers` and `inputs` are (line, identifier), (line, identifier) and (path, digest).
    """

    path: str
    id: str
    kind: str
    feature: str
    digest: str
    defines: list[tuple[int, str]]
    refers: list[tuple[int, str]]
    inputs: list[tuple[str, str]]
    findings: list[tuple[int, str, str]]


def check(texts: Mapping[str, str]) -> list[Finding]:
    """Return all findings of a set of documents, sorted.

    Examples
    --------
    >>> [finding.rule for finding in check({"index.md": "# Index"})]
    ['front-matter']
    """
    return judge(examine(text, path) for path, text in texts.items())


def examine(text: str, path: str) -> Examined:
    """Return what one document defines and refers to, and its own findings."""
    examined = Examined(
        path=path,
        id="",
        kind="",
        feature="",
        digest=digest(text.encode()),
        defines=[],
        refers=[],
        inputs=[],
        findings=[],
    )
    try:
        document = parse(text, path)
    except SourceError as error:
        return {**examined, "findings": [(1, "front-matter", str(error))]}
    refers = [(1, name) for name in document.depends] + [(item.line, item.target) for item in document.references]
    return {
        **examined,
        "id": document.id,
        "kind": document.kind,
        "feature": document.feature or "",
        "defines": [(1, document.id), *((item.line, item.identifier) for item in document.definitions)],
        "refers": refers,
        "inputs": sorted(document.inputs.items()),
        "findings": [(line, rule.name, message) for rule in RULES for line, message in rule.complaints(document)],
    }


def judge(documents: Iterable[Examined]) -> list[Finding]:
    """Return the findings of a set: those of each document, and those that only the set shows."""
    ordered = sorted(documents, key=lambda item: item["path"])
    own = [Finding(item["path"], line, rule, message) for item in ordered for line, rule, message in item["findings"]]
    return sorted([*own, *_repeated(ordered), *_unresolved(ordered), *_disagreeing(ordered)])


def _repeated(documents: list[Examined]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for item in documents:
        for line, identifier in item["defines"]:
            if identifier in first:
                message = f"{identifier} is defined in {first[identifier]} already"
                yield Finding(item["path"], line, "unique-identifier", message)
            first.setdefault(identifier, item["path"])


def _unresolved(documents: list[Examined]) -> Iterator[Finding]:
    defined = {identifier for item in documents for _, identifier in item["defines"]}
    for item in documents:
        for line, target in item["refers"]:
            if target not in defined:
                yield Finding(item["path"], line, "resolved-reference", f"{target} is defined nowhere")


def _disagreeing(documents: list[Examined]) -> Iterator[Finding]:
    first: dict[str, tuple[str, str]] = {}
    for item in documents:
        for path, stated in item["inputs"]:
            known, where = first.setdefault(path, (stated, item["path"]))
            if known != stated:
                message = f"{path} has another digest than in {where}; the set was made from two states of the tree"
                yield Finding(item["path"], 1, "one-state", message)


_SECTIONS: Final = {
    "product": ("Purpose", "Features", "Quantities"),
    "structure": ("Tree",),
    "tech": ("Languages", "Constants", "Files without a syntax tree"),
    "requirements": ("Scope", "Requirements"),
    "design": ("Components", "Interfaces used"),
    "tasks": ("Order of work", "Tasks"),
    "index": ("Documents", "Quantities", "Skipped"),
}
_PREFIX: Final = {"requirements": "REQ", "design": "DES", "tasks": "TASK"}
_RELATED: Final = {"design": ("implements",), "tasks": ("implements", "verifies")}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _front_matter(document: Document) -> Iterator[Complaint]:
    if (document.kind in FEATURE_KINDS) != (document.feature is not None):
        yield 1, f"a document of kind {document.kind} {'needs' if document.feature is None else 'has no'} feature"
    if document.id != document_id(document.kind, document.feature or ""):
        yield 1, f"the id {document.id} is not the one of its kind and feature"
    if document.kind != "index" and not document.inputs:
        yield 1, "no input is named"
    for path, stated in document.inputs.items():
        if not _DIGEST.fullmatch(stated):
            yield 1, f"the digest of {path} is not sha256 and 64 hexadecimal digits"


def _place(document: Document) -> Iterator[Complaint]:
    expected = document_path(document.kind, document.feature or "")
    if document.path != expected:
        yield 1, f"it belongs at {expected}"


def _headings(document: Document) -> Iterator[Complaint]:
    levels = [section.level for section in document.sections]
    if levels[:1] != [1] or levels.count(1) != 1:
        yield 1, "it must have one title, before everything else"
    for above, section in zip(levels, document.sections[1:], strict=False):
        if section.level > above + 1:
            yield section.line, f"a heading of level {section.level} stands below one of level {above}"


def _sections(document: Document) -> Iterator[Complaint]:
    titles = iter(section.title for section in document.sections if section.level == 2)
    for title in _SECTIONS[document.kind]:
        if title not in titles:  # consumes the iterator, so the order counts
            yield 1, f"the section {title!r} is missing or stands before one that it must follow"


def _identifiers(document: Document) -> Iterator[Complaint]:
    prefix = f"{_PREFIX.get(document.kind, '')}-{(document.feature or '').upper()}-"
    defined = {item.line: item.identifier for item in document.definitions}
    headings = [section for section in document.sections if section.level == 3]
    for number, section in enumerate(headings, 1):
        if defined.get(section.line) != f"{prefix}{number:03d}":
            yield section.line, f"the heading must define {prefix}{number:03d}"


def _references(document: Document) -> Iterator[Complaint]:
    for reference in document.references:
        if not IDENTIFIER.fullmatch(reference.target):
            yield reference.line, f"{reference.target[:80]!r} is not an identifier"


def _relations(document: Document) -> Iterator[Complaint]:
    stated = {(item.source_identifier, item.relation) for item in document.references}
    for definition in document.definitions:
        for relation in _RELATED.get(document.kind, ()):
            if (definition.identifier, relation) not in stated:
                yield definition.line, f"{definition.identifier} {relation} nothing"


def _acceptance(document: Document) -> Iterator[Complaint]:
    if document.kind == "requirements":
        for section in document.sections:
            if section.level == 3 and not re.search(r"^- acceptance: \S", section.text, re.MULTILINE):
                yield section.line, "the requirement has no line '- acceptance: ...'"


def _quantities(document: Document) -> Iterator[Complaint]:
    return _ill_formed(
        document, ("quantity",), {item.line for item in document.quantities}, "subject | attribute | 1 unit"
    )


def _code(document: Document) -> Iterator[Complaint]:
    return _ill_formed(document, ("path", "symbol", "signature"), {item.line for item in document.code}, "`code`")


def _ill_formed(document: Document, kinds: tuple[str, ...], good: set[int], form: str) -> Iterator[Complaint]:
    starts = tuple(f"- {kind}:" for kind in kinds)
    for line, text in enumerate(document.text.split("\n"), 1):
        if text.startswith(starts) and line not in good:
            yield line, f"the line must have the form '{text.partition(':')[0]}: {form}'"


RULES: Final = (
    Rule("front-matter", "the front matter is complete, and its id fits kind and feature", _front_matter),
    Rule("place", "the document stands where its kind and feature say", _place),
    Rule("headings", "one title, and no level left out", _headings),
    Rule("sections", "the sections of the kind are there, in order", _sections),
    Rule("identifier-form", "each heading of level 3 defines the next number of the feature", _identifiers),
    Rule("reference-form", "what stands in brackets after a relation is an identifier", _references),
    Rule("relations", "a design element implements, a task implements and verifies", _relations),
    Rule("acceptance", "each requirement says how it is accepted", _acceptance),
    Rule("quantity-form", "each quantity line has subject, attribute and a number", _quantities),
    Rule("code-form", "each path, symbol and signature stands between backticks", _code),
)
