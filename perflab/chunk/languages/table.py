"""The table of grammars: one entry a language.

In: nothing. Out: `GRAMMARS`, by name. To add a language, add an entry, and its wheel to the project's dependencies.
"""

from __future__ import annotations

from collections.abc import Mapping

from perflab.chunk.languages.styles import ECMASCRIPT, PYTHON
from perflab.chunk.languages.syntax import BLANK_LINE, Grammar

__all__ = ["GRAMMARS"]

_BLANK_OR_BRACE = rb"(?:" + BLANK_LINE + rb"|\n\}[;,)]*\r?\n)"
_LINE_BEGINS = _BLANK_OR_BRACE + rb"(?=[A-Za-z_@#/\[<(.*:$-])"
"""A line without indentation behind a blank line or behind a closing brace: where braces hold definitions."""

_WORD_BEGINS = _BLANK_OR_BRACE + (
    rb"(?=(?:export|import|declare|abstract|async|class|const|enum|function|interface|let|module|namespace|type|var)\b"
    rb"|/\*\*|// |@\w)"
)
"""The same where texts of several lines are common: such a line that begins with a word of the language."""

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

_DECLARATOR = ("declarator*",)
_C = {
    "function_definition": "function",
    "struct_specifier": "struct",
    "union_specifier": "struct",
    "enum_specifier": "enum",
    "type_definition": "type",
    "preproc_function_def": "macro",
}


def _typescript(name: str, extensions: tuple[str, ...]) -> Grammar:
    return Grammar(
        name=name,
        extensions=extensions,
        package="tree_sitter_typescript",
        loader=f"language_{name}",
        definitions=_TYPESCRIPT,
        border=_WORD_BEGINS,
        wrappers=frozenset({"export_statement", "ambient_declaration", "expression_statement"}),
        bindings=_ECMASCRIPT_BINDINGS | {"public_field_definition"},
        values=_ECMASCRIPT_VALUES,
        attached=frozenset({"decorator"}),
        imports=frozenset({"import_statement"}),
        envelope=(b"class _ { ", b" }"),
        style=ECMASCRIPT,
    )


_ENTRIES = (
    Grammar(
        name="python",
        extensions=(".py", ".pyi", ".pyw"),
        package="tree_sitter_python",
        definitions={"class_definition": "class", "function_definition": "function"},
        border=BLANK_LINE + rb"(?=(?:def|class|async def)[ \t]+\w|@\w)",
        wrappers=frozenset({"decorated_definition"}),
        imports=frozenset({"import_statement", "import_from_statement", "future_import_statement"}),
        style=PYTHON,
    ),
    _typescript("typescript", (".ts", ".mts", ".cts")),
    _typescript("tsx", (".tsx",)),
    Grammar(
        name="javascript",
        extensions=(".js", ".mjs", ".cjs", ".jsx"),
        package="tree_sitter_javascript",
        definitions=_ECMASCRIPT,
        border=_WORD_BEGINS,
        wrappers=frozenset({"export_statement"}),
        bindings=_ECMASCRIPT_BINDINGS | {"field_definition"},
        values=_ECMASCRIPT_VALUES,
        attached=frozenset({"decorator"}),
        imports=frozenset({"import_statement"}),
        envelope=(b"class _ { ", b" }"),
        style=ECMASCRIPT,
    ),
    Grammar(
        name="markdown",
        extensions=(".md", ".markdown"),
        package="tree_sitter_markdown",
        definitions={"section": "heading", "setext_heading": "heading"},
        border=BLANK_LINE + rb"(?=##{1,5}[ \t]+\S)",  # after one # alone a comment in a code block is as likely
        opens=frozenset({"setext_heading"}),
        comments=frozenset(),
        separator=" / ",
    ),
    Grammar(
        name="json",
        extensions=(".json",),
        package="tree_sitter_json",
        definitions={"pair": "key"},
        border=rb",[ \t]*\r?\n(?=(?:  |    |\t)[\"{\[])",
        titles={"pair": ("key",)},
        bodies={"pair": ("value",)},
        nested=True,
        openings={b'"': b"{", b"{": b"[", b"[": b"["},
    ),
    Grammar(
        name="yaml",
        extensions=(".yaml", ".yml"),
        package="tree_sitter_yaml",
        definitions={"block_mapping_pair": "key"},
        border=rb"\n(?=[\w\"'-])",
        # More than some 250 blocks in one another overflow the state of tree-sitter-yaml 0.7.2. Their depth is at most
        # the columns before a line's text and the blocks that the line itself begins.
        fatal=rb"(?m)^[ \t]{120}|(?:[-?:][ \t][^\n:?-]*+(?:[-?:](?![ \t])[^\n:?-]*+)*+){120}",
        titles={"block_mapping_pair": ("key",)},
        bodies={"block_mapping_pair": ("value", "block_node*", "block_mapping*", "block_sequence*")},
    ),
    Grammar(
        name="toml",
        extensions=(".toml",),
        package="tree_sitter_toml",
        definitions={"table": "table", "table_array_element": "table"},
        border=rb"\n(?=\[)",
        titles=dict.fromkeys(("table", "table_array_element"), ("dotted_key*", "quoted_key*", "bare_key*")),
    ),
    Grammar(
        name="html",
        extensions=(".html", ".htm"),
        package="tree_sitter_html",
        definitions={"element": "element", "script_element": "element", "style_element": "element"},
        border=rb"\n(?=<[a-zA-Z!])",
        titles=dict.fromkeys(("element", "script_element", "style_element"), ("start_tag", "tag_name")),
        separator=" > ",
        nested=True,
    ),
    Grammar(
        name="css",
        extensions=(".css",),
        package="tree_sitter_css",
        definitions={
            "rule_set": "rule",
            "at_rule": "rule",
            "media_statement": "rule",
            "supports_statement": "rule",
            "keyframes_statement": "rule",
            "keyframe_block": "rule",
        },
        border=_LINE_BEGINS,
        comments=frozenset({"comment", "js_comment"}),
        imports=frozenset({"import_statement"}),
        bodies={
            **dict.fromkeys(("rule_set", "at_rule", "media_statement", "supports_statement"), ("block",)),
            "keyframe_block": ("block",),
            "keyframes_statement": ("keyframe_block_list",),
        },
        headlines=frozenset(
            {"rule_set", "at_rule", "media_statement", "supports_statement", "keyframes_statement", "keyframe_block"}
        ),
        separator=" / ",
    ),
    Grammar(
        name="rust",
        extensions=(".rs",),
        package="tree_sitter_rust",
        definitions={
            "function_item": "function",
            "function_signature_item": "function",
            "struct_item": "struct",
            "union_item": "struct",
            "enum_item": "enum",
            "trait_item": "interface",
            "impl_item": "implementation",
            "mod_item": "namespace",
            "type_item": "type",
            "macro_definition": "macro",
        },
        border=_LINE_BEGINS,
        attached=frozenset({"attribute_item"}),
        comments=frozenset({"line_comment", "block_comment"}),
        imports=frozenset({"use_declaration", "extern_crate_declaration"}),
        titles={"impl_item": ("type",)},
        separator="::",
        envelope=(b"impl _ { ", b" }"),
    ),
    Grammar(
        name="go",
        extensions=(".go",),
        package="tree_sitter_go",
        definitions={
            "function_declaration": "function",
            "method_declaration": "method",
            "type_declaration": "type",
        },
        border=_LINE_BEGINS,
        imports=frozenset({"import_declaration"}),
        titles={"type_declaration": ("type_spec*", "type_alias*", "name")},
        owners={"method_declaration": ("receiver", "parameter_declaration", "type")},
    ),
    Grammar(
        name="java",
        extensions=(".java",),
        package="tree_sitter_java",
        definitions={
            "class_declaration": "class",
            "record_declaration": "class",
            "interface_declaration": "interface",
            "annotation_type_declaration": "interface",
            "enum_declaration": "enum",
            "method_declaration": "method",
            "constructor_declaration": "method",
            "compact_constructor_declaration": "method",
        },
        border=_LINE_BEGINS + rb"|" + BLANK_LINE + rb"(?=(?:    |\t)(?:@\w|/\*\*|[A-Za-z][^;=\n]*\{))",
        comments=frozenset({"line_comment", "block_comment"}),
        imports=frozenset({"import_declaration"}),
        nested=True,
        envelope=(b"class _ { ", b" }"),
    ),
    Grammar(
        name="c",
        extensions=(".c", ".h"),
        package="tree_sitter_c",
        definitions=_C,
        border=_LINE_BEGINS,
        nested=True,  # conditions of the preprocessor go over any number of definitions
        imports=frozenset({"preproc_include"}),
        titles={"function_definition": _DECLARATOR, "type_definition": _DECLARATOR},
    ),
    Grammar(
        name="cpp",
        extensions=(".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"),
        package="tree_sitter_cpp",
        definitions={
            **_C,
            "class_specifier": "class",
            "struct_specifier": "class",
            "namespace_definition": "namespace",
            "alias_declaration": "type",
            "concept_definition": "type",
        },
        border=_LINE_BEGINS,
        wrappers=frozenset({"template_declaration"}),
        nested=True,  # conditions of the preprocessor go over any number of definitions
        imports=frozenset({"preproc_include", "using_declaration"}),
        titles={
            "function_definition": ("declarator*", "function_declarator*", "declarator*"),
            "type_definition": _DECLARATOR,
        },
        separator="::",
        envelope=(b"struct _ { ", b" };"),
    ),
    Grammar(
        name="bash",
        extensions=(".sh", ".bash"),
        package="tree_sitter_bash",
        definitions={"function_definition": "function"},
        border=_LINE_BEGINS,
    ),
)
GRAMMARS: Mapping[str, Grammar] = {grammar.name: grammar for grammar in _ENTRIES}
