"""A Python file's facts, put together from the fragments that it consists of.

In: fragments in the file's order, with where each of them stands. Out: the facts that the file as a whole has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from perflab.workloads.factsheet import Constant, FileFacts, Fragment, Import, Symbol
from perflab.workloads.imports import merged_imports

__all__ = ["Assembly"]


class _Block(NamedTuple):
    """A block that statements may still be added to: the module's, or that of a class in it."""

    name: str
    indent: str
    symbol: Symbol | None


class Assembly:
    """The facts of one file as its fragments come in."""

    def __init__(self) -> None:
        self._doc: str | None = None
        self._symbols: list[Symbol] = []
        self._constants: list[Constant] = []
        self._imports: list[Import] = []
        self._bound: dict[str, str] = {}
        self._attributes: list[tuple[str, list[str]]] = []
        self._exports_known = False
        self._exports: frozenset[str] | None = None
        self._open = [_Block("", "", None)]

    def add(self, fragment: Fragment, outer: str = "", before: int = 0) -> bool:
        """Take in the next fragment, unless it does not go on with a block that the last one left open.

        Statements go on with a class if they are indented as its members are and nothing that is indented less stood
        in between. This is how Python itself tells, so that a fragment which is taken stands where it claims to.

        Parameters
        ----------
        fragment
            Whole statements.
        outer
            Qualified name of the class that they are members of; empty if they belong to the module.
        before
            Lines of the file before the fragment.
        """
        if not fragment["end_line"]:
            return True  # comments and blank lines, which go anywhere
        if not self._continue(outer, fragment["indent"], before + fragment["end_line"]):
            return False
        self._doc = fragment["doc"] if self._doc is None else self._doc
        self._symbols += [{**item, "line": item["line"] + before} for item in fragment["symbols"]]
        self._constants += [{**item, "line": item["line"] + before} for item in fragment["constants"]]
        self._imports += fragment["imports"]
        self._bound.update(fragment["bound"])
        self._attributes += fragment["attributes"].items()
        self._export(fragment)
        self._open += [_Block(name, indent, self._symbol(name)) for name, indent in fragment["opened"].items()]
        return True

    def filled(self, facts: FileFacts) -> FileFacts:
        """Return the facts with what all fragments together say."""
        return {
            **facts,
            "doc": self._doc or "",
            "symbols": list(self._judged()),
            "imports": merged_imports(self._imports),
            "uses": sorted(set(self._uses())),
            "constants": self._constants,
        }

    def _continue(self, outer: str, indent: str, end_line: int) -> bool:
        """Close what is open inside the block that goes on, and move the end of the classes around it."""
        found = [depth for depth, block in enumerate(self._open) if (block.name, block.indent) == (outer, indent)]
        if not found:
            return False
        del self._open[found[0] + 1 :]
        for _, _, symbol in self._open:
            if symbol is not None:
                symbol["lines"] = end_line - symbol["line"] + 1
        return True

    def _export(self, fragment: Fragment) -> None:
        """Let the first assignment of `__all__` tell which names are public."""
        if fragment["declares_exports"] and not self._exports_known:
            self._exports_known = True
            self._exports = None if fragment["exports"] is None else frozenset(fragment["exports"])

    def _symbol(self, name: str) -> Symbol:
        return next(symbol for symbol in reversed(self._symbols) if symbol["name"] == name)

    def _judged(self) -> Iterator[Symbol]:
        """Yield the symbols; with an `__all__`, those that it does not list are not public."""
        for symbol in self._symbols:
            listed = self._exports is None or symbol["name"].partition(".")[0] in self._exports
            yield {**symbol, "public": symbol["public"] and listed}

    def _uses(self) -> Iterator[str]:
        """Yield the dotted names of other modules that the file uses."""
        for name, used in self._attributes:
            if name in self._bound:
                yield from (f"{self._bound[name]}.{attribute}" for attribute in used)
        for item in self._imports:
            yield from (f"{item['module']}.{name}" for name in item["names"])
