"""Syntax trees of bytes, within a time limit.

In: bytes and a tree-sitter language. Out: a tree, or None if it took too long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Tree

__all__ = ["Patience", "first_error", "parse"]

_SLOW_PARSE_S_PER_BYTE = 1e-6  # a sixth of the usual speed; only what is slower counts as lost time


def parse(
    data: bytes, language: Language, expired: Callable[[int, bool], bool] = lambda _at, _error: False
) -> Tree | None:
    """Return the syntax tree of some bytes, or None if `expired(offset, in_error)` was true before it was complete.

    The tree's nodes have no `text` (see `grammar.name_of`); cut it out of `data`.
    """
    from tree_sitter import Parser

    view = memoryview(data)
    parser = Parser(language)
    try:
        return parser.parse(lambda at, _: view[at:], progress_callback=expired)
    except ValueError:
        return None


@dataclass(slots=True)
class Patience:
    """The seconds that parsing of one file may still lose on input that it does not finish; `timer` is a clock."""

    left_s: float
    timer: Callable[[], float] = time.monotonic

    def parse(self, data: bytes, language: Language) -> Tree | None:
        """Return the syntax tree, or None if the time was used up."""
        if self.left_s <= 0:
            return None
        timer = self.timer
        expected_s = len(data) * _SLOW_PARSE_S_PER_BYTE
        began = timer()
        deadline = began + expected_s + self.left_s
        tree = parse(data, language, lambda _at, _error: timer() > deadline)
        self.left_s -= max(0.0, timer() - began - expected_s)
        if tree is None:
            self.left_s = 0.0
        return tree


def first_error(root: Node) -> int:
    """Return the offset of the first syntax error of a tree that has one."""
    node: Node | None = root
    at = root.start_byte
    while node is not None:
        at = node.start_byte
        node = next((child for child in node.children if child.has_error or child.is_missing), None)
    return at
