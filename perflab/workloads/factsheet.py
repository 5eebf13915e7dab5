"""The shape of what one source file says about itself.

In: nothing. Out: the dictionaries that facts are made of; plain data, so that they travel through caches and processes.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["Constant", "FileFacts", "Import", "Symbol"]


class Symbol(TypedDict):
    """One definition. `name` is qualified within its module; `signature` has the full name and the parameters.

    `complexity` is McCabe's count of paths (T. J. McCabe, "A Complexity Measure", 1976) with one more for each
    further operand of `and` and `or`; 0 for what has no control flow of its own.
    """

    name: str
    kind: str
    signature: str
    doc: str
    line: int
    lines: int
    complexity: int
    public: bool


class Import(TypedDict):
    """One imported module, by its absolute name, and the names taken from it."""

    module: str
    names: list[str]


class Constant(TypedDict):
    """A module's upper-case name with a literal value; `number` is set if the value is a finite number."""

    name: str
    value: str
    number: int | float | None
    line: int


class FileFacts(TypedDict):
    """Facts of one file. `error` tells why there are no more than its size, if it could not be parsed."""

    path: str
    language: str
    module: str
    digest: str
    nbytes: int
    lines: int
    doc: str
    symbols: list[Symbol]
    imports: list[Import]
    uses: list[str]
    constants: list[Constant]
    error: str | None
