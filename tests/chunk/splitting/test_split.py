"""Cuts are lossless for every input, bounded, and along definitions."""

from __future__ import annotations

import ast
import codecs
import io
import itertools
import json
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.chunk import Chunk, split
from perflab.chunk.chunk import digest_of
from perflab.chunk.languages.grammar import GRAMMARS
from perflab.chunk.splitting.split import Splitter
from perflab.errors import ConfigError

SAMPLES = sorted((Path(__file__).parents[3] / "data" / "samples").iterdir())
LANGUAGES = (None, *GRAMMARS)
FRAGMENTS = (
    *(b"def f(x):\n", b"    return x\n", b"class A {\n", b"}\n", b"@d\n", b"# h\n", b"## s\n\n", b"```\n", b'"""'),
    *(b"key: ", b"<a>\n", b"</a>", b"fn f() {\n", b"#[x]\n", b"impl A {\n", b"[t]\n", b'"k": {\n', b"$(", b"<<E\n"),
    *(b"\r\n", b"\n\n", b"\t", b" ", b"/* c */", b"// c\n", b"`${", b"\xff", b"\xef\xbb\xbf", b"\0", b"(", b")"),
    *("ä€😀".encode(), b"x" * 90, b"--- \n", b"- a\n", b"export const f = () => 1;\n", b"\\\n", b"'"),
)


def check(data: bytes, chunks: list[Chunk], max_bytes: int) -> None:
    """Hold every promise that does not depend on the language."""
    assert b"".join(chunk.data for chunk in chunks) == data
    assert [chunk.start for chunk in chunks] == [0, *(chunk.stop for chunk in chunks)][: len(chunks)]
    for chunk in chunks:
        assert 0 < len(chunk.data) <= max_bytes
        assert chunk.stop - chunk.start == len(chunk) == len(chunk.data)
        assert chunk.digest == digest_of(chunk.data)


def check_lines(data: bytes, chunks: list[Chunk]) -> None:
    """Count lines byte by byte, in another way than the chunker does."""
    line, lines = 1, []
    for byte in data:
        lines.append(line)
        line += byte == 0x0A
    for chunk in chunks:
        assert (chunk.start_line, chunk.end_line) == (lines[chunk.start], lines[chunk.stop - 1])


@given(st.binary(max_size=3000), st.sampled_from(LANGUAGES), st.sampled_from([64, 200, 2000]))
def test_random_bytes_are_kept(data: bytes, language: str | None, max_bytes: int) -> None:
    chunks = split(data, language=language, max_bytes=max_bytes)
    check(data, chunks, max_bytes)


@given(
    st.lists(st.sampled_from(FRAGMENTS), max_size=150).map(b"".join),
    st.sampled_from(LANGUAGES),
    st.sampled_from([64, 150, 2000]),
    st.sampled_from([4096, 300]),
)
def test_random_fragments_are_kept(data: bytes, language: str | None, max_bytes: int, window: int) -> None:
    chunks = split(data, language=language, max_bytes=max_bytes, window_bytes=max(window, 2 * max_bytes))
    check(data, chunks, max_bytes)
    if not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        check_lines(data, chunks)


@given(st.data(), st.sampled_from(SAMPLES), st.sampled_from([64, 128, 300, 2000]))
def test_edited_samples_are_kept(draw: st.DataObject, path: Path, max_bytes: int) -> None:
    data = path.read_bytes()
    start = draw.draw(st.integers(0, len(data)))
    stop = draw.draw(st.integers(start, min(len(data), start + 200)))
    data = data[:start] + draw.draw(st.one_of(st.binary(max_size=50), st.sampled_from(FRAGMENTS))) + data[stop:]
    window = draw.draw(st.sampled_from([512, 1000, 524_288]))
    chunks = split(data, path=path, max_bytes=max_bytes, window_bytes=max(window, 2 * max_bytes))
    check(data, chunks, max_bytes)
    check_lines(data, chunks)


@pytest.mark.parametrize("max_bytes", [64, 300, 2000])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"e", b"\xe9\xff"),
    ],
    ids=["plain", "crlf", "bom", "cr", "truncated", "latin-1"],
)
def test_samples_are_kept(sample: Path, change: object, max_bytes: int) -> None:
    data = change(sample.read_bytes())  # type: ignore[operator]
    chunks = split(data, path=sample, max_bytes=max_bytes)
    check(data, chunks, max_bytes)
    check_lines(data, chunks)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_cut_at_characters(encoding: str) -> None:
    text = "\ufeff" + "".join(f"Ċ line {number} 😀 " + "ਊ" * (number % 90) + "\n" for number in range(300))
    notes: list[str] = []
    chunks = split(text.encode(encoding), path="m.py", max_bytes=128, note=notes.append)
    check(text.encode(encoding), chunks, 128)
    assert "".join(chunk.data.decode(encoding) for chunk in chunks) == text
    assert chunks[-1].end_line == 300
    assert {chunk.kind for chunk in chunks} == {"text"}
    assert encoding in notes[0]


def test_characters_are_not_cut() -> None:
    data = ("äöü€😀" * 1000).encode()
    for language in (None, "javascript", "markdown"):
        for chunk in split(data, language=language, max_bytes=101):
            chunk.data.decode()


def test_crlf_is_not_cut_in_two() -> None:
    data = (b"a" * 63 + b"\r\n") * 40
    assert not any(chunk.data.endswith(b"\r") for chunk in split(data, path="a.txt", max_bytes=64))


def test_nothing_gives_no_chunks() -> None:
    assert split(b"", path="a.py") == []


def test_binary_is_named_so() -> None:
    data = b"\x7fELF\0" + bytes(range(256)) * 40
    chunks = split(data, path="a.py")
    check(data, chunks, 2000)
    assert {chunk.kind for chunk in chunks} == {"binary"}
    assert {chunk.language for chunk in chunks} == {None}


def test_windows_smaller_than_what_an_encoding_is_told_from_see_a_late_nul() -> None:
    data = b"def f():\n    return 1\n" * 20 + b"\0"
    assert {chunk.kind for chunk in split(data, path="m.py", max_bytes=64, window_bytes=128)} == {"binary"}


def test_definitions_that_fit_stay_whole() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    seen = 0
    for name in ("json/decoder.py", "dataclasses.py", "tempfile.py", "queue.py"):
        data = (folder / name).read_bytes()
        lines = list(itertools.accumulate(map(len, data.splitlines(keepends=True)), initial=0))
        borders = {chunk.start for chunk in split(data, path=name)}
        for node in ast.walk(ast.parse(data)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                start, stop = lines[first - 1], lines[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
                if stop - start <= 2000:
                    seen += 1
                    assert not any(start < border < stop for border in borders), (name, node.name)
    assert seen > 150


@pytest.mark.parametrize(
    ("path", "source", "first_line"),
    [
        ("a.py", "# near\n# and near\n@one\n@two(3)\ndef target():\n    pass\n", "# near"),
        ("a.py", "# far\n\n@one\nclass Target:\n    pass\n", "@one"),
        ("a.js", "/** far */\n\n/** near */\nexport default class Target {}\n", "/** near */"),
        ("a.js", "// near\nconst target = async () => { await 1; };\n", "// near"),
        ("a.ts", "/** near */\n@Sealed()\nexport abstract class Target {}\n", "/** near */"),
        ("a.ts", "// near\nexport declare function target(): void;\n", "// near"),
        ("a.tsx", "// near\nexport default function () { return <a>x</a>; }\n", "// near"),
        ("a.md", "## Target\n\ntext\n", "## Target"),
    ],
)
def test_what_belongs_to_a_definition_stays_with_it(path: str, source: str, first_line: str) -> None:
    filler = "\n".join(f"call({number});" for number in range(4)) if path != "a.md" else "words " * 10
    chunks = split(f"{filler}\n\n{source}".encode(), path=path)
    assert chunks[-1].data.decode().startswith(first_line)
    assert chunks[-1].kind in ("function", "class", "heading")


def test_members_keep_decorators_and_comments() -> None:
    member = "  // note {0}\n  @Input({0})\n  @Other()\n  method{0}(): number {{ return {0}; }}\n"
    source = "class A {\n" + "\n".join(member.format(number) for number in range(40)) + "}\n"
    chunks = split(source.encode(), path="a.ts", max_bytes=200)
    check(source.encode(), chunks, 200)
    assert len(chunks) > 20
    for chunk in chunks[1:]:
        assert chunk.data.lstrip().startswith(b"// note")
        assert (chunk.kind, chunk.parents) == ("method", ("A",))


def test_an_oversize_function_is_cut_at_statements() -> None:
    body = "".join(f"        value_{number} = compute(\n            {number},\n        )\n" for number in range(60))
    chunks = split(f"class A:\n    def f(self):\n{body}".encode(), path="a.py", max_bytes=300)
    assert [chunk.name for chunk in chunks[:2]] == ["A", "A.f"]
    for chunk in chunks[2:]:
        assert chunk.data.lstrip().startswith(b"value_")
        assert (chunk.kind, chunk.parents) == ("statements", ("A", "f"))


@pytest.mark.parametrize("language", GRAMMARS)
@pytest.mark.parametrize("opening", [b"(", b"{a:", b"- "])
def test_deep_nesting_does_not_recurse(language: str, opening: bytes) -> None:
    data = b"x = " + opening * 20_000 + b"1" + b")" * 20_000
    check(data, split(data, language=language, timeout_s=0.05), 2000)


@pytest.mark.parametrize(
    "data",
    [
        b"".join(b" " * depth + b"a:\n" for depth in range(300)),
        b"".join(b" " * depth + b"- &a b:\n" for depth in range(0, 600, 2)),
        b"a: 1\n" + b"- &b " * 300 + b"c\n",
        b"? " * 300 + b"c\n",
    ],
)
def test_yaml_too_deep_for_its_parser_is_cut_as_text(data: bytes) -> None:
    notes: list[str] = []
    chunks = split(data, path="a.yaml", note=notes.append)
    check(data, chunks, 2000)
    assert {chunk.kind for chunk in chunks} == {"text"}
    assert notes == ["a.yaml from line 1 on is cut without the yaml grammar: it is nested too deeply for it"]


def test_yaml_that_is_deep_enough_is_parsed() -> None:
    data = b"".join(b" " * depth + b"a:\n" for depth in range(100)) + b"b: 1\n" * 500
    assert "text" not in {chunk.kind for chunk in split(data, path="a.yaml", max_bytes=200)}


@pytest.mark.parametrize("path", ["a.js", "a.txt"])
def test_one_long_line(path: str) -> None:
    data = b"x=[" + b"'some text', 1234, " * 275_000 + b"]"
    assert len(data) > 5_000_000
    check(data, split(data, path=path, timeout_s=0.5), 2000)


def test_zeros_and_repetitions() -> None:
    for data in (bytes(1_000_000), b"\n" * 100_000, b"a" * 1_000_000, b"ab\n" * 100_000):
        check(data, split(data, path="a.txt"), 2000)


def test_time_limit_falls_back_to_lines() -> None:
    ticks = itertools.count()
    notes: list[str] = []
    splitter = Splitter("a.rs", None, 2000, 100_000, timeout_s=5, note=notes.append, timer=lambda: float(next(ticks)))
    data = b"fn f(x: u8) -> u8 {\n    x\n}\n\n" * 10_000
    chunks = list(splitter.chunks(io.BytesIO(data).read))
    check(data, chunks, 2000)
    assert {chunk.kind for chunk in chunks} == {"text"}
    assert notes == ["a.rs from line 1 on is cut without the rust grammar: parsing it took longer than the 5 s allowed"]


def test_a_syntax_error_is_told_with_its_line() -> None:
    notes: list[str] = []
    data = b"x = 1\n" * 10 + b"def (:\n" + b"y = 2\n"
    check(data, split(data, path="a.py", note=notes.append), 2000)
    assert notes == ["a.py has a syntax error at line 11; its borders may be rougher there"]


def test_a_part_of_a_file_is_no_syntax_error() -> None:
    notes: list[str] = []
    data = json.dumps({f"key {number}": {"of": list(range(20))} for number in range(2000)}, indent=2).encode()
    chunks = split(data, path="a.json", note=notes.append)
    check(data, chunks, 2000)
    assert notes == []
    assert sum(chunk.kind == "key" and chunk.name.startswith("key ") for chunk in chunks) > 0.9 * len(chunks)
    split(b'{"a": ', path="a.json", note=notes.append)
    assert notes == ["a.json has a syntax error at line 1; its borders may be rougher there"]


def test_windows_keep_definitions_whole() -> None:
    function = 'def f{0}(x):\n    """Say\n\ndef not_one():\n    """\n    return x + {0}\n\n\n'
    data = "".join(function.format(number) for number in range(2000)).encode()
    chunks = split(data, path="a.py", max_bytes=400, window_bytes=8192)
    check(data, chunks, 400)
    for chunk in chunks:
        assert chunk.data.startswith(b"def f"), chunk
        assert chunk.data.rstrip().rsplit(b"\n", 1)[-1].startswith(b"    return x")


def test_a_definition_larger_than_the_window() -> None:
    methods = "".join(f"    def m{number}(self):\n        return {number}\n\n" for number in range(2000))
    data = f"class A:\n{methods}".encode()
    chunks = split(data, path="a.py", max_bytes=400, window_bytes=8192)
    check(data, chunks, 400)
    assert all(chunk.data.startswith(b"    def m") for chunk in chunks[1:])


def test_an_edit_changes_few_chunks() -> None:
    data = Path(sysconfig.get_path("stdlib"), "argparse.py").read_bytes()
    before = {chunk.digest for chunk in split(data, path="a.py")}
    lines = data.splitlines(keepends=True)
    changed = []
    for at in range(5, len(lines), len(lines) // 40):
        edited = b"".join([*lines[:at], b"# one more line\n", *lines[at:]])
        changed.append(sum(chunk.digest not in before for chunk in split(edited, path="a.py")))
    assert min(changed) >= 1
    assert sum(changed) / len(changed) < 3


def test_an_edit_of_text_changes_few_chunks() -> None:
    lines = [f"{number * 7919 % 10007} some words of a line\n".encode() for number in range(3000)]
    before = {chunk.digest for chunk in split(b"".join(lines), path="a.txt")}
    edited = b"".join([*lines[:100], b"one more line\n", *lines[100:]])
    changed = [chunk for chunk in split(edited, path="a.txt") if chunk.digest not in before]
    assert 1 <= len(changed) <= 6


def test_same_bytes_give_the_same_chunks(sample: Path) -> None:
    data = sample.read_bytes()
    assert split(data, path=sample) == split(data, path=sample)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"max_bytes": 63}, "63"), ({"window_bytes": 3999}, "3999"), ({"language": "cobol"}, "cobol")],
)
def test_wrong_settings_are_refused(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        split(b"x", **arguments)  # type: ignore[arg-type]
