"""Which grammar a file has, and what it calls the nodes of a syntax tree.

In: a path or a language name, or a tree-sitter node. Out: the `Grammar` of that language; definitions, bodies, names.
"""

from __future__ import annotations

import functools
from pathlib import PurePath
from typing import TYPE_CHECKING

from perflab.chunk.languages.syntax import Grammar, Steps
from perflab.chunk.languages.table import GRAMMARS
from perflab.errors import ConfigError

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["GRAMMARS", "Grammar", "body_of", "chunker_version", "definition_of", "grammar_of", "language_of", "name_of"]

_CUTTING_RULES = 2  # raised whenever the same bytes would be cut in another way
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


def body_of(definition: Node, grammar: Grammar | None = None) -> Node | None:
    """Return the node that holds what is inside a definition; None if the language has no such node for it."""
    if grammar is not None and (steps := grammar.bodies.get(definition.type)):
        return _down(definition, steps)
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
    if node.type in grammar.headlines:
        body = body_of(node, grammar)
        return _text(data, node.start_byte, node.end_byte if body is None else body.start_byte)
    named = _title(node, grammar)
    name = "" if named is None else _text(data, named.start_byte, named.end_byte)
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1]
    owner = _down(node, grammar.owners.get(node.type, ()))
    if owner is not None:
        holder = _text(data, owner.start_byte, owner.end_byte).lstrip("*").partition("[")[0]
        return f"{holder}{grammar.separator}{name}"
    return name


@functools.cache
def chunker_version() -> str:
    """Return what the borders depend on beside the bytes: the cutting rules and the parsers' versions."""
    import importlib.metadata

    packages = sorted({grammar.package.replace("_", "-") for grammar in GRAMMARS.values()} | {"tree-sitter"})
    versions = (f"{package}={importlib.metadata.version(package)}" for package in packages)
    return f"rules={_CUTTING_RULES} " + " ".join(versions)


def _title(node: Node, grammar: Grammar) -> Node | None:
    """Return the node that names a definition."""
    if (steps := grammar.titles.get(node.type)) is not None:
        return _down(node, steps)
    named = node.child_by_field_name("name") or node.child_by_field_name("key")
    if named is None and node.type in ("section", "setext_heading"):
        heading = _heading(node) or node
        named = heading.child_by_field_name("heading_content")
    if named is None and node.type in grammar.bindings:
        named = _target(node)
    return named


def _down(node: Node, steps: Steps) -> Node | None:
    """Follow steps down a tree; None if one leads nowhere, or if none was taken."""
    at: Node | None = node
    for step in steps:
        name = step.removesuffix("*")
        below = _below(at, name)
        if step.endswith("*"):
            while below is not None:
                at, below = below, _below(below, name)
        else:
            at = below
        if at is None:
            return None
    return None if at is node else at


def _below(node: Node | None, name: str) -> Node | None:
    if node is None:
        return None
    found = node.child_by_field_name(name)
    return found or next((child for child in node.named_children if child.type == name), None)


def _text(data: bytes, start: int, stop: int) -> str:
    return " ".join(data[start:stop].decode("utf-8", "replace").split())


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
