"""Where a defect of each rule can be planted without hiding or causing another.

In: one document of a draft. Out: places, each with the edit that makes the defect there.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from perflab.workloads.crossvalidate.draft import Draft
from perflab.workloads.crossvalidate.passages import is_prose, passages
from perflab.workloads.crossvalidate.quantities import key, step
from perflab.workloads.crossvalidate.quantities import subject as quantity_subject
from perflab.workloads.crossvalidate.signatures import before_default, name_of, parameters
from perflab.workloads.crossvalidate.similarity import subject as similar_subject
from perflab.workloads.document import RELATIONS, CodeReference, Document, Quantity

__all__ = ["PLACES", "Place", "Places"]

_PARAMETER = re.compile(r"(\**)(\w+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A document, what the finding there will be about, the line that no other defect may use, and the edit."""

    document: str
    subject: str
    line: tuple[str, int]
    edit: Callable[[], None]


Places = Callable[[Draft, Document, random.Random], Iterator[Place]]
Change = tuple[str, str]  # what the finding will be about, and the new text


def _quantities(draft: Draft, document: Document, _: random.Random) -> Iterator[Place]:
    """A quantity that is stated elsewhere too is off by the least that is no rounding."""
    for quantity in document.quantities:
        if draft.statements_of[key(quantity)] > 1 and math.isfinite(quantity.value):
            text = _restated(quantity)
            yield _replacing(draft, document, quantity.line, quantity_subject(quantity), text)


def _restated(quantity: Quantity) -> str:
    value = f"{quantity.value + step(quantity):.15g} {quantity.unit}".rstrip()
    return f"- quantity: {quantity.subject} | {quantity.attribute} | {value}"


def _duplicates(draft: Draft, document: Document, rng: random.Random) -> Iterator[Place]:
    """A definition is repeated at the end of another document."""
    for definition in document.definitions if len(draft.documents) > 1 else ():
        path = draft.other(document.path, rng.random())
        text = f"### {definition.identifier}: {definition.title}"
        edit = _appending(draft, path, text)
        yield Place(path, definition.identifier, (document.path, definition.line), edit)


def _undefined(draft: Draft, document: Document, _: random.Random) -> Iterator[Place]:
    """A relation line names one identifier more, which nothing defines."""
    for reference in document.references:
        if reference.relation in RELATIONS:
            name = f"{reference.target.rpartition('-')[0]}-9{reference.line:05}"
            text = f"{draft.line(document.path, reference.line).rstrip()}, [{name}]"
            yield _replacing(draft, document, reference.line, name, text)


def _uncovered(kind: str) -> Places:
    """A definition more, which nothing implements, stands at the end of a document of one kind."""

    def places(draft: Draft, document: Document, _: random.Random) -> Iterator[Place]:
        for definition in document.definitions if document.kind == kind else ():
            name = f"{definition.identifier.rpartition('-')[0]}-8{definition.line:05}"
            edit = _appending(draft, document.path, f"### {name}: forgotten")
            yield Place(document.path, name, (document.path, definition.line), edit)

    return places


def _cycles(draft: Draft, document: Document, _: random.Random) -> Iterator[Place]:
    """A task depends on one that depends on it, where no third task joins the cycle."""
    graph = draft.dependencies
    for definition in document.definitions:
        task = definition.identifier
        for other in sorted(graph) if task in graph else ():
            if task in graph[other] and other not in graph[task] and not _reaches(graph, other, task):
                edit = _depending(draft, document.path, definition.line, task, other)
                yield Place(document.path, ", ".join(sorted((task, other))), (document.path, definition.line), edit)


def _reaches(graph: Mapping[str, set[str]], start: str, goal: str) -> bool:
    """Tell whether a path of two edges or more leads from one task to another."""
    seen = graph[start] - {goal}
    front = list(seen)
    while front:
        following = graph[front.pop()] - seen
        if goal in following:
            return True
        seen |= following
        front.extend(following)
    return False


def _depending(draft: Draft, path: str, line: int, task: str, other: str) -> Callable[[], None]:
    def edit() -> None:
        draft.insert(path, line, f"Depends on: [{other}]")
        draft.dependencies[task].add(other)

    return edit


def _near_duplicates(draft: Draft, document: Document, rng: random.Random) -> Iterator[Place]:
    """The prose of a section is copied to another document, its last word changed."""
    for passage in passages(document) if len(draft.documents) > 1 else ():
        path = draft.other(document.path, rng.random())
        title = f"Copy {passage.line}"
        about = similar_subject((document.path, passage.title), (path, title))
        edit = _appending(draft, path, f"## {title}\n{_copied(document, passage.line)}")
        yield Place(path, about, (document.path, passage.line), edit)


def _copied(document: Document, line: int) -> str:
    section = next(section for section in document.sections if section.line == line)
    prose = "\n".join(text for text in section.text.split("\n") if is_prose(text) and text.strip())
    return re.sub(r"\w+(\W*)$", r"planted\1", prose)


def _stale(draft: Draft, document: Document, _: random.Random) -> Iterator[Place]:
    """A digest of the front matter becomes that of another content."""
    end = document.text.split("\n").index("---", 1)
    numbers = [number for number in range(2, end + 1) if draft.line(document.path, number).startswith("  ")]
    for number, path in zip(numbers, document.inputs, strict=True):
        name = draft.line(document.path, number).rpartition(": ")[0]
        other = hashlib.sha256(path.encode()).hexdigest()
        yield _replacing(draft, document, number, path, f"{name}: sha256:{other}")


def _code(changes: Callable[[CodeReference], Iterator[Change]]) -> Places:
    """A code line says something else."""

    def places(draft: Draft, document: Document, _: random.Random) -> Iterator[Place]:
        for reference in document.code:
            for about, text in changes(reference):
                line = f"- {reference.kind}: `{text}`"
                yield _replacing(draft, document, reference.line, about, line)

    return places


def _other_paths(reference: CodeReference) -> Iterator[Change]:
    if reference.kind == "path":
        stem, dot, suffix = reference.text.rpartition(".")
        path = f"{stem}_planted{dot}{suffix}"
        yield path, path


def _other_symbols(reference: CodeReference) -> Iterator[Change]:
    if reference.kind != "path":
        name = name_of(reference.text) if reference.kind == "signature" else reference.text
        yield f"{name}_planted", f"{name}_planted{reference.text[len(name) :]}"


def _other_parameters(reference: CodeReference) -> Iterator[Change]:
    for at, text in enumerate(_parameters(reference)):
        match = _PARAMETER.fullmatch(text)
        if match:
            yield name_of(reference.text), _with(reference, at, f"{match[1]}planted_{match[2]}{match[3]}")


def _other_defaults(reference: CodeReference) -> Iterator[Change]:
    for at, text in enumerate(_parameters(reference)):
        if before_default(text) != text:
            yield name_of(reference.text), _with(reference, at, f"{before_default(text)}='planted'")


def _parameters(reference: CodeReference) -> list[str]:
    """Return the parameters of a signature that can be put together again from them; of any other, none."""
    found = parameters(reference.text)[0] if reference.kind == "signature" else []
    return found if found and _with(reference, 0, found[0]) == reference.text else []


def _with(reference: CodeReference, at: int, text: str) -> str:
    found, result = parameters(reference.text)
    return f"{name_of(reference.text)}({', '.join([*found[:at], text, *found[at + 1 :]])}){result}"


def _replacing(draft: Draft, document: Document, line: int, about: str, text: str) -> Place:
    return Place(document.path, about, (document.path, line), lambda: draft.replace(document.path, line, text))


def _appending(draft: Draft, path: str, text: str) -> Callable[[], None]:
    return lambda: draft.append(path, text)


PLACES: Mapping[str, Places] = {
    "contradicting-quantity": _quantities,
    "duplicate-identifier": _duplicates,
    "undefined-identifier": _undefined,
    "uncovered-requirement": _uncovered("requirements"),
    "uncovered-design": _uncovered("design"),
    "task-cycle": _cycles,
    "near-duplicate-section": _near_duplicates,
    "stale-digest": _stale,
    "missing-path": _code(_other_paths),
    "missing-symbol": _code(_other_symbols),
    "signature": _code(_other_parameters),
    "default": _code(_other_defaults),
}
"""For each rule, what yields the places of one document for a defect of it."""
