"""Design of one feature: the modules and classes that keep its promises, and what they build on.

In: the layout, a feature, its facts and those of the files that it uses. Out: `Design`, plain data for a template.
"""

from __future__ import annotations

from typing import TypedDict

from perflab.workloads.factsheet import FileFacts
from perflab.workloads.heading import Heading, document_id, heading
from perflab.workloads.layout import Layout, imported_files, resolve
from perflab.workloads.requirements import Requirement, promises
from perflab.workloads.summary import (
    CodeLine,
    Stated,
    code_line,
    constants_of,
    inputs_of,
    public_symbols,
    row_of,
    stated,
    stated_of_file,
)

__all__ = ["Design", "design", "element_identifiers"]


class Element(TypedDict):
    """One module or class that keeps the promises `implements`."""

    identifier: str
    name: str
    doc: str
    path: str
    implements: list[str]
    depends: list[str]
    code: list[CodeLine]
    stated: list[Stated]


class Design(TypedDict):
    """How a feature is built, and the signatures of other features that it relies on."""

    heading: Heading
    elements: list[Element]
    uses: list[CodeLine]


def design(layout: Layout, feature: str, facts: list[FileFacts], used: list[FileFacts]) -> Design:
    """Return the design of a feature: one element a module, then one a public class.

    `used` holds the facts of the files that `used_files` names.
    """
    promised = promises(feature, facts)
    numbers = {path: number for slug in layout.features.values() for number, path in enumerate(slug, 1)}
    elements = [_module_element(layout, feature, item, promised[item["path"]], numbers) for item in facts]
    for item in facts:
        for requirement in promised[item["path"]]:
            if requirement["kind"] == "class":
                elements.append(_class_element(feature, len(elements) + 1, item, requirement))
    return Design(
        heading=heading(
            "design",
            feature,
            inputs_of([*facts, *used]),
            [document_id("requirements", feature), document_id("structure")],
        ),
        elements=elements,
        uses=_uses(layout, facts, used),
    )


def element_identifiers(
    feature: str, facts: list[FileFacts], promised: dict[str, list[Requirement]]
) -> dict[str, list[str]]:
    """Return the identifiers of each file's class elements; they are numbered after the module elements."""
    number = len(facts)
    identifiers: dict[str, list[str]] = {}
    for item in facts:
        classes = sum(requirement["kind"] == "class" for requirement in promised[item["path"]])
        identifiers[item["path"]] = [f"DES-{feature.upper()}-{number + n:03d}" for n in range(1, classes + 1)]
        number += classes
    return identifiers


def _module_element(
    layout: Layout, feature: str, facts: FileFacts, promised: list[Requirement], numbers: dict[str, int]
) -> Element:
    owners = layout.owners()
    return Element(
        identifier=f"DES-{feature.upper()}-{numbers[facts['path']]:03d}",
        name=facts["module"],
        doc=facts["doc"],
        path=facts["path"],
        implements=[requirement["identifier"] for requirement in promised],
        depends=[f"DES-{owners[path].upper()}-{numbers[path]:03d}" for path in imported_files(layout, facts)],
        code=[line for r in promised if r["kind"] != "class" for line in r["code"]],
        stated=[*stated_of_file(row_of(facts)), *constants_of(facts)],
    )


def _class_element(feature: str, number: int, facts: FileFacts, requirement: Requirement) -> Element:
    name = requirement["name"].removeprefix(f"{facts['module']}.")
    lines = next(symbol["lines"] for symbol in public_symbols(facts) if symbol["name"] == name)
    return Element(
        identifier=f"DES-{feature.upper()}-{number:03d}",
        name=requirement["name"],
        doc=requirement["doc"],
        path=facts["path"],
        implements=[requirement["identifier"]],
        depends=[],
        code=requirement["code"],
        stated=[
            stated(requirement["name"], "lines", f"{lines} lines"),
            stated(requirement["name"], "public members", f"{len(requirement['code']) - 1} members"),
        ],
    )


def _uses(layout: Layout, facts: list[FileFacts], used: list[FileFacts]) -> list[CodeLine]:
    """Return the public definitions of other features that the files name."""
    own = {item["path"] for item in facts}
    wanted = {hit for item in facts for name in item["uses"] if (hit := resolve(layout, name)) and hit[0] not in own}
    return [
        code_line(item, symbol)
        for item in used
        if item["path"] not in own
        for symbol in public_symbols(item)
        if (item["path"], symbol["name"]) in wanted
    ]
