"""Requirements of one feature: what its public interface promises.

In: a feature and the facts of its files. Out: `Requirements`, plain data for the template, with their identifiers.
"""

from __future__ import annotations

from typing import TypedDict

from perflab.workloads.facts import full_name
from perflab.workloads.factsheet import FileFacts, Symbol
from perflab.workloads.heading import Heading, document_id, heading
from perflab.workloads.summary import (
    CodeLine,
    Stated,
    code_line,
    inputs_of,
    public_symbols,
    stated,
    stated_of_feature,
    summarise,
)

__all__ = ["Requirement", "Requirements", "promises", "requirements"]


class Requirement(TypedDict):
    """One promise of the public interface: a definition with its members, or a module without any."""

    identifier: str
    path: str
    name: str
    kind: str
    doc: str
    code: list[CodeLine]


class Requirements(TypedDict):
    """What a feature promises."""

    heading: Heading
    stated: list[Stated]
    requirements: list[Requirement]


def requirements(feature: str, facts: list[FileFacts]) -> Requirements:
    """Return the requirements of a feature: one a public function and class, or one a module that has none."""
    promised = [requirement for item in promises(feature, facts).values() for requirement in item]
    return Requirements(
        heading=heading("requirements", feature, inputs_of(facts), [document_id("product")]),
        stated=[
            *stated_of_feature(summarise(feature, facts)),
            stated(feature, "requirements", f"{len(promised)} requirements"),
        ],
        requirements=promised,
    )


def promises(feature: str, facts: list[FileFacts]) -> dict[str, list[Requirement]]:
    """Return the requirements of each file, numbered through the feature."""
    number = 0
    found: dict[str, list[Requirement]] = {}
    for item in facts:
        symbols = public_symbols(item)
        tops: list[Symbol | None] = [symbol for symbol in symbols if "." not in symbol["name"]]
        found[item["path"]] = []
        for top in tops or [None]:
            number += 1
            identifier = f"REQ-{feature.upper()}-{number:03d}"
            found[item["path"]].append(_requirement(identifier, item, top, symbols))
    return found


def _requirement(identifier: str, facts: FileFacts, top: Symbol | None, symbols: list[Symbol]) -> Requirement:
    if top is None:
        return Requirement(
            identifier=identifier,
            path=facts["path"],
            name=facts["module"],
            kind="module",
            doc=facts["doc"],
            code=[],
        )
    members = [symbol for symbol in symbols if symbol["name"].startswith(f"{top['name']}.")]
    return Requirement(
        identifier=identifier,
        path=facts["path"],
        name=full_name(facts, top),
        kind=top["kind"],
        doc=top["doc"],
        code=[code_line(facts, symbol) for symbol in (top, *members)],
    )
