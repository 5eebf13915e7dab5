"""Each grammar loads offline and names only node types that it has."""

from __future__ import annotations

import pytest

from perflab.chunk import language_of
from perflab.chunk.languages.grammar import GRAMMARS, chunker_version, grammar_of
from perflab.errors import ConfigError


@pytest.mark.parametrize("name", GRAMMARS)
def test_node_types_exist(name: str) -> None:
    grammar = grammar_of(name)
    language = grammar.load()
    types = {language.node_kind_for_id(number) for number in range(language.node_kind_count)}
    assert (grammar.candidates | grammar.opens | grammar.attached | grammar.comments) - types == set()


@pytest.mark.parametrize("name", GRAMMARS)
def test_extensions_lead_to_the_grammar(name: str) -> None:
    assert {language_of(f"a/b{extension.upper()}") for extension in GRAMMARS[name].extensions} == {name}


def test_no_extension_is_in_two_grammars() -> None:
    extensions = [extension for grammar in GRAMMARS.values() for extension in grammar.extensions]
    assert len(extensions) == len(set(extensions))


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'cobol'.*python"):
        grammar_of("cobol")


def test_the_version_names_every_parser() -> None:
    for part in ("rules=", "tree-sitter=", "tree-sitter-python=", "tree-sitter-markdown="):
        assert part in chunker_version()
