"""What each language's syntax tree calls a definition.

In: a path or a language name. Out: the `Grammar` of that language; its tree-sitter `Language`, loaded on demand.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from perflab.errors import ConfigError

if TYPE_CHECKING:
    from tree_sitter import Language, Node

__all__ = ["GRAMMARS", "Grammar", "body_of", "chunker_version", "definition_of", "grammar_of", "language_of", "name_of"]

_CUTTING_RULES = 1  # raised whenever the same bytes would be cut in another way


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
    separator
        What joins the parts of a qualified name.
    envelope
        Bytes before and after a method that make it parse on its own; without a line feed.
    candidates
        The node types that may be definitions.
    """

    name: str
    extensions: tuple[str, ...]
    package: str
    loader: str
    definitions: Mapping[str, str]
    wrappers: frozenset[str] = frozenset()
    bindings: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()
    attached: frozenset[str] = frozenset()
    comments: frozenset[str] = frozenset({"comment"})
    separator: str = "."
    envelope: tuple[bytes, bytes] = (b"", b"")
    candidates: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        candidates = self.wrappers | self.bindings | self.values | set(self.definitions)
        object.__setattr__(self, "candidates", candidates)

    def load(self) -> Language:
        """Return the tree-sitter language from the grammar's wheel; nothing is downloaded."""
        return _load(self.package, self.loader)


_ECMASCRIPT = {
    "class_declaration": "class",
    "class": "class",
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "method_definition": "method",
}
_TYPESCRIPT = {
    **_ECMASCRIPT,
    "abstract_class_declaration": "class",
    "function_signature": "function",
    "method_signature": "method",
    "abstract_method_signature": "method",
    "interface_declaration": "interface",
    "type_alias_declaration": "type",
    "enum_declaration": "enum",
    "internal_module": "namespace",
    "module": "namespace",
}
_ECMASCRIPT_BINDINGS = frozenset({"lexical_declaration", "variable_declaration", "expression_statement", "pair"})
_ECMASCRIPT_VALUES = frozenset({"arrow_function", "function_expression", "generator_function", "class"})


def _typescript(name: str, extensions: tuple[str, ...]) -> Grammar:
    return Grammar(
        name=name,
        extensions=extensions,
        package="tree_sitter_typescript",
        loader=f"language_{name}",
        definitions=_TYPESCRIPT,
        wrappers=frozenset({"export_statement", "ambient_declaration", "expression_statement"}),
        bindings=_ECMASCRIPT_BINDINGS | {"public_field_definition"},
        values=_ECMASCRIPT_VALUES,
        attached=frozenset({"decorator"}),
        envelope=(b"class _ { ", b" }"),
    )


GRAMMARS: Mapping[str, Grammar] = {
    grammar.name: grammar
    for grammar in (
        Grammar(
            name="python",
            extensions=(".py", ".pyi", ".pyw"),
            package="tree_sitter_python",
            loader="language",
            definitions={"class_definition": "class", "function_definition": "function"},
            wrappers=frozenset({"decorated_definition"}),
        ),
        _typescript("typescript", (".ts", ".mts", ".cts")),
        _typescript("tsx", (".tsx",)),
        Grammar(
            name="javascript",
            extensions=(".js", ".mjs", ".cjs", ".jsx"),
            package="tree_sitter_javascript",
            loader="language",
            definitions=_ECMASCRIPT,
            wrappers=frozenset({"export_statement"}),
            bindings=_ECMASCRIPT_BINDINGS | {"field_definition"},
            values=_ECMASCRIPT_VALUES,
            attached=frozenset({"decorator"}),
            envelope=(b"class _ { ", b" }"),
        ),
        Grammar(
            name="markdown",
            extensions=(".md", ".markdown"),
            package="tree_sitter_markdown",
            loader="language",
            definitions={"section": "heading", "setext_heading": "heading"},
            opens=frozenset({"setext_heading"}),
            comments=frozenset(),
            separator=" / ",
        ),
    )
}
_BY_EXTENSION = {extension: grammar.name for grammar in GRAMMARS.values() for extension in grammar.extensions}


def language_of(path: str | PurePath) -> str | None:
    """Return the name of the language that a path's suffix stands for, or None.

    Examples
    --------
    >>> language_of("pkg/mod.py"), language_of("App.TSX"), language_of("notes.txt")
    ('python', 'tsx', None)
    """
    return _BY_EXTENSION.get(PurePath(path).suffix.lower())


def grammar_of(language: str) -> Grammar:
    """Return the grammar of a language.

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> grammar_of("markdown").definitions["section"]
    'heading'
    """
    try:
        return GRAMMARS[language]
    except KeyError:
        known = ", ".join(sorted(GRAMMARS))
        raise ConfigError(f"there is no grammar for the language {language!r}; use one of {known}") from None


def definition_of(node: Node, grammar: Grammar) -> tuple[Node, str] | None:
    """Return the node that defines something at or inside `node`, and its kind; None if there is none.

    Looks through wrappers (decorators, exports) and bindings (`const f = () => ...`), never into bodies.
    """
    kind = grammar.definitions.get(node.type)
    while kind is None:
        if node.type in grammar.wrappers and (inner := _wrapped(node, grammar)) is not None:
            node = inner
        elif node.type in grammar.bindings:
            return _bound(node, grammar)
        elif node.type in grammar.values and node.parent is not None and node.parent.type in grammar.wrappers:
            return node, "function"
        else:
            return None
        kind = grammar.definitions.get(node.type)
    if node.type == "section" and node.child_count and not _heading(node):
        return None  # the text before a document's first heading
    return node, kind


def body_of(definition: Node) -> Node | None:
    """Return the node that holds what is inside a definition; None if the language has no such node for it."""
    value = _value(definition)
    for holder in (definition,) if value is None else (value, definition):
        if (body := holder.child_by_field_name("body")) is not None:
            return body
    return None


def name_of(node: Node, data: bytes, grammar: Grammar) -> str:
    """Return the name that a definition gives, or an empty text (an anonymous class, say).

    `data` is what was parsed: `Node.text` of a tree that was read through a callback ends the process
    (tree-sitter 0.26.1).
    """
    named = node.child_by_field_name("name") or node.child_by_field_name("key")
    if named is None and node.type in ("section", "setext_heading"):
        heading = _heading(node) or node
        named = heading.child_by_field_name("heading_content")
    if named is None and node.type in grammar.bindings:
        named = _target(node)
    text = b"" if named is None else data[named.start_byte : named.end_byte]
    return " ".join(text.decode("utf-8", "replace").split())


@functools.cache
def chunker_version() -> str:
    """Return what the borders depend on beside the bytes: the cutting rules and the parsers' versions."""
    import importlib.metadata

    packages = sorted({grammar.package.replace("_", "-") for grammar in GRAMMARS.values()} | {"tree-sitter"})
    versions = (f"{package}={importlib.metadata.version(package)}" for package in packages)
    return f"rules={_CUTTING_RULES} " + " ".join(versions)


@functools.cache
def _load(package: str, loader: str) -> Language:
    from tree_sitter import Language

    return Language(getattr(importlib.import_module(package), loader)())


def _wrapped(node: Node, grammar: Grammar) -> Node | None:
    return next((child for child in reversed(node.named_children) if child.type in grammar.candidates), None)


def _bound(node: Node, grammar: Grammar) -> tuple[Node, str] | None:
    value = _value(node)
    if value is None or value.type not in grammar.values:
        return None
    return node, "class" if value.type == "class" else "function"


def _value(node: Node) -> Node | None:
    """Return what a declaration, an assignment or a field binds its name to."""
    holder = _holder(node)
    return None if holder is None else holder.child_by_field_name("value") or holder.child_by_field_name("right")


def _target(node: Node) -> Node | None:
    holder = _holder(node)
    if holder is None:
        return None
    for role in ("name", "left", "property", "key"):
        if (target := holder.child_by_field_name(role)) is not None:
            return target
    return None


def _holder(node: Node) -> Node | None:
    if node.child_by_field_name("value") is not None:
        return node
    return node.named_child(0) if node.named_child_count == 1 else None


def _heading(section: Node) -> Node | None:
    first = section.named_child(0) if section.named_child_count else None
    return first if first is not None and first.type.endswith("_heading") else None
