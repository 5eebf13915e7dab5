"""Tasks of one feature: the work on its modules, in an order in which it can be done.

In: the layout, a feature and the facts of its files. Out: `Tasks`, plain data for a template, without a cycle.
"""

from __future__ import annotations

from typing import TypedDict

from perflab.workloads.design import element_identifiers
from perflab.workloads.facts import full_name
from perflab.workloads.factsheet import FileFacts
from perflab.workloads.heading import Heading, document_id, heading
from perflab.workloads.layout import Layout, imported_files
from perflab.workloads.requirements import promises
from perflab.workloads.summary import Stated, inputs_of, stated

__all__ = ["Tasks", "tasks"]

# Functions with more paths than this are named in a task as the ones to test first (McCabe's own bound is 10).
_COMPLEX = 10


class Task(TypedDict):
    """The work on one module; `depends` names tasks that come before it."""

    identifier: str
    name: str
    path: str
    implements: list[str]
    verifies: list[str]
    depends: list[str]
    complex: list[str]


class Tasks(TypedDict):
    """The work on a feature, in an order in which it can be done."""

    heading: Heading
    stated: list[Stated]
    tasks: list[Task]


def tasks(layout: Layout, feature: str, facts: list[FileFacts]) -> Tasks:
    """Return the tasks of a feature, one a module; what a module imports of its own feature comes first."""
    promised = promises(feature, facts)
    classes = element_identifiers(feature, facts, promised)
    by_path = {item["path"]: item for item in facts}
    imported = {item["path"]: [path for path in imported_files(layout, item) if path in by_path] for item in facts}
    order = _order(imported)
    position = {path: number for number, path in enumerate(order, 1)}
    identifiers = {path: f"TASK-{feature.upper()}-{number:03d}" for path, number in position.items()}
    modules = {item["path"]: f"DES-{feature.upper()}-{number:03d}" for number, item in enumerate(facts, 1)}
    return Tasks(
        heading=heading("tasks", feature, inputs_of(facts), [document_id("design", feature)]),
        stated=[stated(feature, "tasks", f"{len(order)} tasks")],
        tasks=[
            Task(
                identifier=identifiers[path],
                name=by_path[path]["module"],
                path=path,
                implements=[modules[path], *classes[path]],
                verifies=[requirement["identifier"] for requirement in promised[path]],
                depends=[identifiers[other] for other in imported[path] if position[other] < position[path]],
                complex=_complex(by_path[path]),
            )
            for path in order
        ],
    )


def _order(imported: dict[str, list[str]]) -> list[str]:
    """Return the files so that imports come first; a cycle is entered at its first path in sorted order."""
    order: list[str] = []
    seen: set[str] = set()
    for start in sorted(imported):
        stack = [(start, iter(imported[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            path, remaining = stack[-1]
            following = next((other for other in remaining if other not in seen), None)
            if following is None:
                order.append(path)
                stack.pop()
            else:
                seen.add(following)
                stack.append((following, iter(imported[following])))
    return order


def _complex(facts: FileFacts) -> list[str]:
    """Return the functions with the most paths, at most five, the greatest first."""
    found = [symbol for symbol in facts["symbols"] if symbol["complexity"] > _COMPLEX]
    found.sort(key=lambda symbol: (-symbol["complexity"], symbol["line"]))
    names = dict.fromkeys(full_name(facts, symbol) for symbol in found)
    return list(names)[:5]
