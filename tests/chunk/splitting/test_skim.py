"""What is told from lines alone is what a parser says; where lines do not tell, the section is parsed."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from perflab.chunk import split
from perflab.chunk.languages.grammar import grammar_of
from perflab.chunk.splitting.skim import skimmed
from perflab.chunk.splitting.units import DEFINITION

FOLDER = Path(sysconfig.get_path("stdlib"))
MODULES = ("argparse.py", "ast.py", "dataclasses.py", "inspect.py", "json/decoder.py", "tarfile.py", "typing.py")


def definitions(node: ast.AST, outer: tuple[str, ...] = ()) -> Iterator[tuple[str, int]]:
    """Yield the qualified name and the line of each definition, as Python itself sees them."""
    for child in ast.iter_child_nodes(node):
        names = outer
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = (*outer, child.name)
            yield ".".join(names), child.lineno
        yield from definitions(child, names)


@pytest.mark.parametrize("module", MODULES)
def test_names_and_places_are_those_of_the_parser(module: str) -> None:
    data = (FOLDER / module).read_bytes()
    known = set(definitions(ast.parse(data)))
    lines = data.split(b"\n")
    seen = 0
    for chunk in split(data, path=module, max_bytes=700):
        if chunk.kind not in ("function", "method", "class"):
            continue
        seen += 1
        places = [line for name, line in known if name == chunk.name]
        line = next(
            number
            for number in range(chunk.start_line, chunk.end_line + 1)
            if lines[number - 1].lstrip().startswith((b"def ", b"class ", b"async def "))
        )
        assert line in places, chunk.name
    assert seen > 10


@pytest.mark.parametrize("module", MODULES)
def test_nothing_of_a_whole_module_is_left_out(module: str) -> None:
    data = (FOLDER / module).read_bytes()
    units = skimmed(data, grammar_of("python"), 10**9)
    assert units is not None
    found = {unit.name for unit in units if unit.rank == DEFINITION}
    tops = ast.parse(data).body
    assert found == {node.name for node in tops if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert [unit.start for unit in units] == [0, *(unit.stop for unit in units)][:-1]
    assert units[-1].stop == len(data)


def names(source: str, language: str) -> list[str] | None:
    units = skimmed(source.encode(), grammar_of(language), 10**9)
    return None if units is None else [f"{unit.kind} {unit.name}".rstrip() for unit in units]


@pytest.mark.parametrize(
    ("language", "source", "found"),
    [
        ("python", '"""Text\n\ndef no():\n"""\ndef yes(): pass\n', ["statements", "function yes"]),
        ("python", "def a():\n    pass\n# about a\n    return\ndef b(): pass\n", ["function a", "function b"]),
        ("python", "@d(\n    1,\n)\nclass A:\n    pass\n", ["class A"]),
        ("python", "if x:\n    pass\nelse:\n    pass\n", ["statements"]),
        ("python", "\ufeffdef a():\r\n\treturn 1\r\n\r\ndef b():\r\n\tpass\r\n", ["function a", "function b"]),
        ("python", 's = \'"""\'\ndef a(): pass\n', ["statements", "function a"]),
        ("javascript", "const t = `\nfunction no() {}\n`;\nfunction yes() {\n}\n", ["statements", "function yes"]),
        ("javascript", "/*\nfunction no() {}\n*/\nfunction yes() {\n}\n", ["function yes"]),
        ("javascript", "// it's `\nclass A {\n}\n", ["class A"]),
        ("javascript", "var A = class B {\n};\nlet f = async (x) => {\n};\n", ["class A", "function f"]),
        ("typescript", "export default class {\n}\nexport function f(): void;\n", ["class", "function f"]),
        ("typescript", "export { a } from 'b';\nexport type T = 1;\n", ["statements", "type T"]),
        ("typescript", "interface A<\n  T,\n> {\n  x: T;\n}\n", ["interface A"]),
    ],
)
def test_lines(language: str, source: str, found: list[str]) -> None:
    assert names(source, language) == found


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("python", "def f(:\n    pass\n"),
        ("python", "class A:\n\n\ndef f(): pass\n"),
        ("javascript", "function f() {\nreturn 1;\n}\nfunction g() {\n}\n"),
        ("javascript", "class A\n{\nf() {}\n}\n" * 30),
        ("javascript", "function f(){return 1};" * 300),
    ],
)
def test_what_lines_do_not_tell_is_parsed(language: str, source: str) -> None:
    assert skimmed(source.encode(), grammar_of(language), 2000) is None


def test_a_line_of_functions_is_cut_between_them() -> None:
    chunks = split(b"function f(argument){return argument + 1}" * 300, path="a.js")
    assert all(chunk.data.startswith(b"function f") and chunk.data.endswith(b"}") for chunk in chunks)
