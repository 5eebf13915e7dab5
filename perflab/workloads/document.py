"""The parsed form of one steering or specification document.

In: the text of a document. Out: a `Document`: front matter, sections, definitions, references, quantities and
code references, each with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from perflab.errors import SourceError

__all__ = [
    "FEATURE_KINDS",
    "IDENTIFIER",
    "KINDS",
    "RELATIONS",
    "STEERING_KINDS",
    "CodeReference",
    "Definition",
    "Document",
    "Quantity",
    "Reference",
    "Section",
    "carries_front_matter",
    "parse",
]

Kind = Literal["product", "structure", "tech", "requirements", "design", "tasks", "index"]
CodeKind = Literal["path", "symbol", "signature"]

KINDS: tuple[str, ...] = get_args(Kind)
STEERING_KINDS = ("product", "structure", "tech")
FEATURE_KINDS = ("requirements", "design", "tasks")
RELATIONS = ("implements", "verifies", "depends on")

IDENTIFIER = re.compile(r"(?:REQ|DES|TASK)(?:-[A-Z0-9]+)+-\d{3,}|DOC(?:-[A-Z0-9]+)+")

_HEADING = re.compile(r"(#{1,6}) +(.*?)\s*")
_FENCE = re.compile(r" {0,3}(?:```|~~~)")
_DEFINITION = re.compile(rf"({IDENTIFIER.pattern}): *(.*)")
_RELATION = re.compile(r"(implements|verifies|depends on): *(.*)", re.IGNORECASE)
_BRACKETED = re.compile(r"\[([^\[\]]+)\]")
_MENTION = re.compile(rf"\[({IDENTIFIER.pattern})\]")
_CODE_SPAN = re.compile(r"`[^`]*`")
_QUANTITY = re.compile(r"- quantity: ([^|]*) \| ([^|]*) \| (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?: +(\S.*?))? *", re.I)
_CODE_REFERENCE = re.compile(r"- (path|symbol|signature): `([^`]*)` *")
_INPUT = re.compile(r"  (\"(?:[^\"\\]|\\.)*\"|.*): (\w+:[0-9a-f]+) *")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its line (from 1), and the text below it up to the next heading of any level."""

    level: int
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Definition:
    """An identifier that a heading of level 3 defines."""

    identifier: str
    title: str
    line: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A bracketed identifier. `relation` is one of RELATIONS, or `mentions` in running text."""

    source_identifier: str | None
    relation: str
    target: str
    line: int


@dataclass(frozen=True, slots=True)
class Quantity:
    """A stated number: `subject | attribute | value unit`. `unit` is empty for a plain count."""

    subject: str
    attribute: str
    value: float
    unit: str
    line: int


@dataclass(frozen=True, slots=True)
class CodeReference:
    """A path, a qualified symbol or a signature that the document says exists in the source tree."""

    text: str
    kind: CodeKind
    line: int


@dataclass(frozen=True)
class Document:
    """One document. `inputs` maps source paths to the digests (`sha256:<hex>`) that it was made from."""

    id: str
    kind: Kind
    feature: str | None
    path: str
    inputs: Mapping[str, str]
    depends: tuple[str, ...]
    sections: tuple[Section, ...]
    text: str

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """Identifiers that this document defines, in order, repeated ones included."""
        found = ((_DEFINITION.fullmatch(s.title), s) for s in self.sections if s.level == 3)
        return tuple(Definition(m[1], m[2], s.line) for m, s in found if m)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Bracketed identifiers of the body, in order; the front matter's `depends` is not among them."""
        return tuple(
            Reference(owner, relation, target, line)
            for owner, line, text in self._lines()
            for relation, target in _targets(text)
        )

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """Quantity lines that are well formed, in order."""
        found = ((_QUANTITY.fullmatch(text), line) for _, line, text in self._lines())
        return tuple(Quantity(m[1].strip(), m[2].strip(), float(m[3]), m[4] or "", n) for m, n in found if m)

    @cached_property
    def code(self) -> tuple[CodeReference, ...]:
        """Path, symbol and signature lines, in order."""
        found = ((_CODE_REFERENCE.fullmatch(text), line) for _, line, text in self._lines())
        return tuple(CodeReference(m[2], _code_kind(m[1]), line) for m, line in found if m)

    def _lines(self) -> Iterator[tuple[str | None, int, str]]:
        """Yield (identifier of the definition above, line number, line) of every line of every section."""
        owner: str | None = None
        for section in self.sections:
            if section.level <= 3:
                match = _DEFINITION.fullmatch(section.title) if section.level == 3 else None
                owner = match[1] if match else None
            for offset, text in enumerate(section.text.split("\n"), 1):
                yield owner, section.line + offset, text


def parse(text: str, path: str = "") -> Document:
    """Return the parsed form of one document.

    Parameters
    ----------
    text
        The whole document, front matter included.
    path
        Where it was read from, for `Document.path` and for messages.

    Raises
    ------
    SourceError
        If the front matter is missing, unclosed, malformed or incomplete.

    Examples
    --------
    >>> document = parse('''---
    ... id: DOC-JSON-TASKS
    ... kind: tasks
    ... feature: json
    ... depends: [DOC-JSON-DESIGN]
    ... inputs:
    ...   json/decoder.py: sha256:00ff
    ... ---
    ... # json: tasks
    ... ### TASK-JSON-001: Build `json.decoder`
    ... Implements: [DES-JSON-001]
    ... - quantity: json/decoder.py | lines | 356 lines
    ... ''')
    >>> document.definitions[0].identifier, document.references[0].relation, document.quantities[0].value
    ('TASK-JSON-001', 'implements', 356.0)
    """
    lines = text.replace("\r\n", "\n").split("\n")
    end = _front_matter_end(lines, path)
    fields, inputs = _front_matter(lines[1:end], path)
    for name in ("id", "kind", "depends"):
        if not fields.get(name):
            raise _error(path, f"its front matter has no {name!r}", "add it or create the document again")
    if fields["kind"] not in KINDS:
        raise _error(path, f"its kind is {fields['kind']!r}", f"allowed are {', '.join(KINDS)}")
    return Document(
        id=fields["id"],
        kind=_kind(fields["kind"]),
        feature=fields.get("feature") or None,
        path=path,
        inputs=inputs,
        depends=_list(fields["depends"], path),
        sections=tuple(_sections(lines, end + 1)),
        text=text,
    )


def carries_front_matter(text: str) -> bool:
    """Tell whether a text is one of these documents, so that it may be replaced or removed by the next run.

    Examples
    --------
    >>> carries_front_matter("# my own notes")
    False
    """
    try:
        return IDENTIFIER.fullmatch(parse(text).id) is not None
    except SourceError:
        return False


def _targets(text: str) -> Iterator[tuple[str, str]]:
    relation = _RELATION.fullmatch(text)
    if relation:
        yield from ((relation[1].lower(), target) for target in _BRACKETED.findall(relation[2]))
    elif "[" in text:
        yield from (("mentions", target) for target in _MENTION.findall(_CODE_SPAN.sub("", text)))


def _front_matter_end(lines: list[str], path: str) -> int:
    if lines[0] != "---":
        raise _error(path, "it does not start with a front matter", "the first line must be '---'")
    try:
        return lines.index("---", 1)
    except ValueError:
        raise _error(path, "its front matter is not closed", "end it with a line '---'") from None


def _front_matter(lines: list[str], path: str) -> tuple[dict[str, str], dict[str, str]]:
    fields: dict[str, str] = {}
    inputs: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if line.startswith("  ") and "inputs" in fields:
            source, digest = _input(line, path)
            inputs[source] = digest
        elif not colon or not name.isidentifier() or name in fields:
            raise _error(path, f"its front matter has the line {line[:80]!r}", "write 'name: value', each name once")
        else:
            fields[name] = value.strip()
    return fields, inputs


def _input(line: str, path: str) -> tuple[str, str]:
    match = _INPUT.fullmatch(line)
    if match is None:
        raise _error(path, f"its inputs have the line {line[:80]!r}", "write '  path: sha256:<hex>'")
    try:
        return (str(json.loads(match[1])) if match[1].startswith('"') else match[1]), match[2]
    except ValueError as error:
        raise _error(path, f"its inputs have the name {match[1][:80]}", "quote it as a JSON string") from error


def _list(value: str, path: str) -> tuple[str, ...]:
    if not (value.startswith("[") and value.endswith("]")):
        raise _error(path, f"its depends is {value[:80]!r}", "write '[DOC-A, DOC-B]' or '[]'")
    return tuple(item.strip() for item in value[1:-1].split(",") if item.strip())


def _sections(lines: list[str], start: int) -> Iterator[Section]:
    """Yield the sections of `lines[start:]`; text before the first heading is a section of level 0."""
    level, title, first = 0, "", start
    body: list[str] = []
    fenced = False
    for number, line in enumerate(lines[start:], start + 1):
        match = None if fenced else _HEADING.fullmatch(line)
        fenced ^= _FENCE.match(line) is not None
        if match is None:
            body.append(line)
            continue
        if level or any(text.strip() for text in body):
            yield Section(level, title, "\n".join(body), first)
        level, title, first, body = len(match[1]), match[2], number, []
    if level or any(text.strip() for text in body):
        yield Section(level, title, "\n".join(body), first)


def _kind(name: str) -> Kind:
    return next(kind for kind in get_args(Kind) if kind == name)


def _code_kind(name: str) -> CodeKind:
    return next(kind for kind in get_args(CodeKind) if kind == name)


def _error(path: str, found: str, remedy: str) -> SourceError:
    return SourceError(f"{path or 'the text'} is not one of perflab's documents: {found}; {remedy}")
