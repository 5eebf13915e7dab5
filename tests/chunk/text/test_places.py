"""Offsets, lines and columns lead to one another."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.chunk import Places, split
from perflab.errors import ConfigError

MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # of encodings in which a byte 10 may be no line feed
TEXT = st.text(st.sampled_from("ab\n\r\t ä€😀"), max_size=60)


@settings(deadline=None)
@given(TEXT)
def test_characters(text: str) -> None:
    data = text.encode()
    places = Places(data, columns="characters")
    line, column, at = 1, 0, 0
    for character in text:
        assert places.position(at) == (line, column)
        assert places.offset(line, column) == at
        at += len(character.encode())
        line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
    assert places.position(at) == (line, column)
    assert places.offset(line, column + 5) == at


@settings(deadline=None)
@given(TEXT)
def test_utf_16_columns(text: str) -> None:
    data = text.encode()
    places = Places(data, columns="utf-16")
    for at in range(len(text)):
        offset = len(text[:at].encode())
        column = len(text[:at].rpartition("\n")[2].encode("utf-16-le")) // 2
        assert places.position(offset).column == column


@settings(deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["bytes", "characters", "utf-16"]))
def test_any_bytes(data: bytes, columns: str) -> None:
    places = Places(data, columns=columns)  # type: ignore[arg-type]
    for offset in range(len(data) + 1):
        line, _ = places.position(offset)
        assert line == data[:offset].count(b"\n") + 1 or data.startswith(MARKS)


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_bytes_lead_back(data: bytes) -> None:
    places = Places(data)
    for offset in range(len(data) + 1):
        assert places.offset(*places.position(offset)) == offset or data.startswith(MARKS)


def test_wide_encodings() -> None:
    data = "\ufeffa\nbc😀d\n".encode("utf-16-le")
    places = Places(data, columns="characters")
    assert places.position(data.index("d".encode("utf-16-le"))) == (2, 3)
    assert places.offset(2, 3) == data.index("d".encode("utf-16-le"))


def test_lines_are_those_of_chunks(python_sample: bytes) -> None:
    places = Places(python_sample)
    for chunk in split(python_sample, path="a.py", max_bytes=200):
        assert places.position(chunk.start).line == chunk.start_line
        assert places.position(chunk.stop - 1).line == chunk.end_line


@pytest.mark.parametrize("wrong", [lambda p: p.position(9), lambda p: p.position(-1), lambda p: p.offset(3, 0)])
def test_what_is_not_there_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="from 0"):
        wrong(Places(b"a\nb"))  # type: ignore[operator]
    with pytest.raises(ConfigError, match="'words'"):
        Places(b"", columns="words")  # type: ignore[arg-type]
