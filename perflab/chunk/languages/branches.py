"""Which nodes of a syntax tree are branches, for McCabe's complexity.

In: a tree-sitter node of any language. Out: whether the program may go on in two ways there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

__all__ = ["is_branch"]

_BRANCHES = frozenset(
    {
        "boolean_operator",
        "c_style_for_statement",
        "case_clause",
        "case_item",
        "case_statement",
        "catch_clause",
        "communication_case",
        "conditional_expression",
        "do_statement",
        "elif_clause",
        "enhanced_for_statement",
        "except_clause",
        "expression_case",
        "for_expression",
        "for_in_clause",
        "for_in_statement",
        "for_range_loop",
        "for_statement",
        "if_clause",
        "if_expression",
        "if_statement",
        "match_arm",
        "switch_block_statement_group",
        "switch_case",
        "switch_rule",
        "ternary_expression",
        "type_case",
        "while_expression",
        "while_statement",
    }
)
_SHORT_CIRCUITS = frozenset({"&&", "||", "??"})


def is_branch(node: Node) -> bool:
    """Tell whether a node is a branch: a condition, a loop, a case, a handler, an operator that may stop early."""
    return node.type in _SHORT_CIRCUITS if not node.is_named else node.type in _BRANCHES
