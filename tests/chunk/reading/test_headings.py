"""Headings are those that tree-sitter's Markdown finds, however the text comes in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perflab.chunk.languages.grammar import grammar_of
from perflab.chunk.languages.parsing import parse
from perflab.chunk.reading.headings import Headings
from perflab.chunk.reading.records import Separators, pieces_of
from perflab.chunk.text.encoding import UTF8

LINES = ("# One", "## Two ##", "### Three", "not # one", "words", "", "```", "```python", "~~~~", "====", "    # code")
PARTS = ("words", "*more* words", "    indented", "# One", "- item", "> quote", "***")


def by_tree(text: bytes) -> Iterator[int]:
    """Yield the starts of the headings at the top level, as tree-sitter sees them."""
    tree = parse(text, grammar_of("markdown").load())
    assert tree is not None
    waiting: list[Any] = [tree.root_node]
    while waiting:
        node = waiting.pop()
        if node.type in ("atx_heading", "setext_heading"):
            yield node.start_byte
        elif node.type in ("document", "section"):
            waiting += node.children


def found_in(text: bytes, size: int) -> list[int]:
    """Return the starts found when the text comes in windows of a size, each behind what was not used up."""
    headings = Headings()
    for stop in range(size, len(text) + size, size):
        headings.feed(text[:stop], 0, last=stop >= len(text))
    return list(headings.between(0, len(text)))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(LINES), max_size=30), st.integers(1, 50))
@example(["```", "# One", "~~~~", "```", "# One"], 3)
def test_headings_are_those_of_the_grammar(lines: list[str], size: int) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    whole = found_in(text, len(text) + 1)
    assert found_in(text, size) == whole
    atx = [at for at in by_tree(text) if text[at : at + 1] == b"#" or text[at:].lstrip()[:1] == b"#"]
    assert [at for at in whole if text[at : at + 1] == b"#"] == sorted(atx)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from(PARTS), max_size=5), st.sampled_from(["===", "---"])), min_size=1, max_size=3
    )
)
def test_a_heading_of_several_lines_begins_where_the_grammar_says(blocks: list[tuple[list[str], str]]) -> None:
    lines = [line for parts, underline in blocks for line in ("", *parts, underline, "", "words")]
    text = "".join(f"{line}\n" for line in lines).encode()
    assert found_in(text, len(text)) == sorted(by_tree(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\n\n## Two\n", [(0, ("One",)), (7, ("One", "Two"))]),
        ("One\n===\n\nTwo\n---\n", [(0, ("One",)), (9, ("One", "Two"))]),
        ("Words\nOne\n  and two\n===\n", [(0, ("Words",))]),
        ("# A\n    code\nOne\ntwo\n---\n", [(0, ("A",)), (13, ("A", "One"))]),
        ("a | b\n--- | ---\n1 | 2\n---\n***\r\nOne\r\ntwo\r\n---\r\n", [(31, ("One",))]),
        ("- item\nlazy\n---\n> quote\nlazy\n---\n", []),
        ("### Deep\n# Up #\n", [(0, ("Deep",)), (9, ("Up",))]),
        ("---\ntitle: no heading\n---\n# One\n", [(26, ("One",))]),
        ("\ufeff# One\r\n\r\ntext\r\n\r\n# Two\r\n", [(3, ("One",)), (20, ("Two",))]),
        ("- item\n---\n| a |\n---\n", []),
        ("````\n```\n# code\n````\n# One", [(21, ("One",))]),
        ("`` ` ``\n``` a`b\n# One\n", [(16, ("One",))]),
        ("#\n# \n", [(0, ("",)), (2, ("",))]),
    ],
)
def test_headings_by_hand(text: str, expected: list[tuple[int, tuple[str, ...]]]) -> None:
    headings = Headings()
    data = text.encode()
    headings.feed(data, 0, last=True)
    starts = headings.between(0, len(data))
    assert [(start, heading.path) for start in starts if (heading := headings.at(start)) is not None] == expected


def test_headings_before_an_offset_are_forgotten_but_the_one_around_it() -> None:
    headings = Headings()
    headings.feed(b"# One\n\n# Two\n\n# Three\n", 0, last=True)
    headings.drop(10)
    found = headings.at(10)
    assert found is not None
    assert found.path == ("Two",)
    assert list(headings.between(0, 99)) == [7, 14]


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=3000), st.integers(64, 500), st.sampled_from([b"\n", b"\0", b"--"]))
def test_pieces_are_the_stream(data: bytes, max_bytes: int, separator: bytes) -> None:
    for finder in (Separators(separator), Headings()):
        position = 0

        def read(size: int) -> bytes:
            nonlocal position
            part = data[position : position + size]
            position += len(part)
            return part

        pieces = list(pieces_of(read, finder, max_bytes, UTF8))
        assert b"".join(pieces) == data
        assert all(0 < len(piece) <= max_bytes for piece in pieces)


def test_pieces_end_with_records_and_meet_again_after_an_insertion() -> None:
    data = b"".join(b"record number %d with some words\0" % number for number in range(20_000))

    def cut(text: bytes) -> list[bytes]:
        parts = iter([text[at : at + (1 << 20)] for at in range(0, len(text) + 1, 1 << 20)])
        return list(pieces_of(lambda _: next(parts, b""), Separators(b"\0"), 4096, UTF8))

    before, after = cut(data), cut(b"one more\0" + data)
    assert all(piece.endswith(b"\0") for piece in before)
    assert len(set(after) - set(before)) <= 12
