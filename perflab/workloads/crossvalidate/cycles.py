"""Tasks that wait for each other.

In: the statements of all documents. Out: a finding for each strongly connected component of the task dependencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from perflab.workloads.crossvalidate.finding import Finding
from perflab.workloads.crossvalidate.statements import Statements

__all__ = ["components", "dependencies", "task_cycles"]


def task_cycles(documents: Sequence[Statements]) -> Iterator[Finding]:
    """Yield one finding for each set of tasks that depend on each other, where its first member is defined."""
    places = {
        definition.identifier: (document.path, definition.line)
        for document in reversed(documents)
        for definition in reversed(document.definitions)
    }
    graph = dependencies(documents)
    for component in components(graph):
        if len(component) > 1 or component[0] in graph[component[0]]:
            names = ", ".join(component)
            message = f"{len(component)} tasks depend on each other in a cycle: {names}"
            if len(component) == 1:
                message = f"the task {names} depends on itself"
            yield Finding(*places[component[0]], "task-cycle", names, message)


def dependencies(documents: Sequence[Statements]) -> dict[str, set[str]]:
    """Return the defined tasks and, for each, the defined tasks that it depends on."""
    graph: dict[str, set[str]] = {
        definition.identifier: set()
        for document in documents
        for definition in document.definitions
        if definition.identifier.startswith("TASK-")
    }
    for document in documents:
        for reference in document.references:
            source = reference.source_identifier
            if reference.relation == "depends on" and source in graph and reference.target in graph:
                graph[source].add(reference.target)
    return graph


def components(graph: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Return the strongly connected components, each sorted, all sorted.

    R. Tarjan, "Depth-first search and linear graph algorithms", SIAM J. Comput. 1 (1972), with the recursion
    turned into a stack, so that a chain of any length is followed.

    Examples
    --------
    >>> components({"a": {"b"}, "b": {"a", "c"}, "c": set()})
    [('a', 'b'), ('c',)]
    """
    search = _Search(graph)
    for root in graph:
        if root not in search.index:
            search.follow(root)
    return sorted(search.found)


class _Search:
    """One depth-first search over a graph: Tarjan's numbers, and the nodes whose component is still open."""

    def __init__(self, graph: Mapping[str, set[str]]) -> None:
        self.found: list[tuple[str, ...]] = []
        self.index: dict[str, int] = {}
        self._graph = graph
        self._low: dict[str, int] = {}
        self._open: dict[str, None] = {}  # Tarjan's stack; a dict, because membership is asked for every edge

    def follow(self, root: str) -> None:
        """Visit everything that can be reached from a node and close the components found there."""
        path = [(root, self._enter(root))]
        while path:
            node, targets = path[-1]
            new = next((target for target in targets if not self._seen(node, target)), None)
            if new is not None:
                path.append((new, self._enter(new)))
                continue
            path.pop()
            if path:
                above = path[-1][0]
                self._low[above] = min(self._low[above], self._low[node])
            if self._low[node] == self.index[node]:
                self._close(node)

    def _enter(self, node: str) -> Iterator[str]:
        self.index[node] = self._low[node] = len(self.index)
        self._open[node] = None
        return iter(self._graph[node])

    def _seen(self, node: str, target: str) -> bool:
        """Tell whether an edge leads to a node that was visited before; one of an open component lowers the number."""
        if target in self._open:
            self._low[node] = min(self._low[node], self.index[target])
        return target in self.index

    def _close(self, node: str) -> None:
        members: list[str] = []
        while not members or members[-1] != node:
            members.append(self._open.popitem()[0])
        self.found.append(tuple(sorted(members)))
