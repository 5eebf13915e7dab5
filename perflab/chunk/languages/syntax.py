"""What one language calls things: the record behind each entry of the table of grammars.

In: names of node types and patterns. Out: a frozen `Grammar`, and its tree-sitter `Language`, loaded on demand.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language

__all__ = ["BLANK_LINE", "Grammar", "Steps", "Style"]

Steps = tuple[str, ...]
"""A way down a tree: names of fields or node types; one with a star is taken as often as it is there."""

BLANK_LINE = rb"\n\r?\n"


@dataclass(frozen=True, slots=True)
class Style:
    """What the lines of well-kept source look like, so that most of it need not be parsed.

    All patterns are verbose regular expressions over bytes in which a dot is any byte.

    Attributes
    ----------
    quoted
        What can hold lines that only look like code: texts of several lines, comments. Each is matched as a whole.
    head
        What stands behind the indentation of a definition's line. The group that matches the name is called like the
        kind; `_2` and so on behind it tell groups of one kind apart.
    member
        The same for what is a definition only inside one of the kinds `holders`.
    lead
        What begins a line that belongs to the definition after it, such as a decorator.
    comment
        A comment; it belongs to the definition after it if no blank line lies between.
    going_on
        What begins a line that belongs to what is before it, such as `else` or a closing brace.
    body
        The end of a definition's head, up to and with its line feed.
    broken
        What begins a line that should have been a definition's.
    unfinished
        What a definition cannot end with. Where one seems to, indentation does not tell the structure.
    """

    quoted: bytes
    head: bytes
    lead: bytes
    comment: bytes
    going_on: bytes
    body: bytes
    broken: bytes
    unfinished: tuple[bytes, ...]
    member: bytes = b""
    holders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grammar:
    """One language: its files, its parser and the node types that matter for cutting.

    Attributes
    ----------
    definitions
        Node type -> kind of the chunk that starts with it.
    wrappers
        Node types that hold a definition and add to it, such as a decorated definition or an export.
    bindings
        Node types that are a definition only if they bind a name to one of the node types `values`.
    opens
        Node types whose definition goes on over the following siblings up to the next definition.
    attached
        Node types of siblings that belong to the definition after them (decorators).
    comments
        The same for comments, if no blank line lies between.
    imports
        Node types that name other modules.
    titles, bodies
        Node type -> the way to the node that names it, or that holds what is inside, where no field says so.
    owners
        Node type -> the way to the name of the type that it belongs to (Go's receivers).
    headlines
        Node types that are named by what stands before their body.
    separator
        What joins the parts of a qualified name.
    envelope
        Bytes before and after a method that make it parse on its own; without a line feed.
    border
        Regular expression that ends where a top-level definition very likely begins, whatever stands before it.
    nested
        Whether a file is one construct, so that a section of it alone is no valid source.
    openings
        First byte behind the blanks of such a section -> what stands for the construct in place of the first blank.
    fatal
        Regular expression of source over which the parser ends the process; such a section is cut as text.
    style
        How to find definitions without parsing; None if they are always parsed.
    candidates
        The node types that may be definitions.
    """

    name: str
    extensions: tuple[str, ...]
    package: str
    definitions: Mapping[str, str]
    border: bytes
    loader: str = "language"
    wrappers: frozenset[str] = frozenset()
    bindings: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()
    comments: frozenset[str] = frozenset({"comment"})
    imports: frozenset[str] = frozenset()
    titles: Mapping[str, Steps] = field(default_factory=dict)
    bodies: Mapping[str, Steps] = field(default_factory=dict)
    owners: Mapping[str, Steps] = field(default_factory=dict)
    headlines: frozenset[str] = frozenset()
    separator: str = "."
    envelope: tuple[bytes, bytes] = (b"", b"")
    nested: bool = False
    openings: Mapping[bytes, bytes] = field(default_factory=dict)
    fatal: bytes = b""
    style: Style | None = None
    candidates: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        candidates = self.wrappers | self.bindings | self.values | set(self.definitions)
        object.__setattr__(self, "candidates", candidates)

    def load(self) -> Language:
        """Return the tree-sitter language from the grammar's wheel; nothing is downloaded."""
        return _load(self.package, self.loader)


@functools.cache
def _load(package: str, loader: str) -> Language:
    from tree_sitter import Language

    return Language(getattr(importlib.import_module(package), loader)())
