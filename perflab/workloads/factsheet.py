"""The shape of what one source file, or a part of it, says about itself.

In: nothing. Out: the dictionaries that facts are made of; plain data, so that they travel through caches and processes.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["Constant", "FileFacts", "Fragment", "Import", "Symbol"]


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


class Fragment(TypedDict):
    """What consecutive whole statements of a Python file say, before it is known what the rest of the file says.

    Lines are counted from the fragment's own first one. `public` of a symbol does not know of `__all__` yet.

    `indent` is the white space before each statement, `end_line` the last statement's last line, 0 if there is none.
    `doc` is the docstring of a module that begins here. `declares_exports` tells whether `__all__` is assigned, and
    `exports` its names, None if they are not literal. `bound` maps what `import` statements bind to the modules that
    it stands for, the last one winning; `attributes` lists for each name the attributes that are read of it. `opened`
    maps the qualified names of the classes that the last statement may leave open for what follows, outermost first,
    to the white space before their members.
    """

    indent: str
    end_line: int
    doc: str
    symbols: list[Symbol]
    declares_exports: bool
    exports: list[str] | None
    imports: list[Import]
    bound: dict[str, str]
    attributes: dict[str, list[str]]
    constants: list[Constant]
    opened: dict[str, str]
