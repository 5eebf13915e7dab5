"""The built-in operations agree with Python's own parser, and with each other over any cut."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from perflab.chunk import OPERATIONS, Chunk, language_of, split
from perflab.chunk.chunk import digest_of


def _one(source: str, path: str = "m.py") -> Chunk:
    """Return the whole source as one chunk."""
    data = source.encode()
    lines = source.count("\n")
    return Chunk(path, 0, len(data), 1, lines, "statements", "", (), digest_of(data), data, language_of(path))


def _symbols(node: ast.AST, around: tuple[str, ...] = ()) -> set[str]:
    found = set()
    for child in ast.iter_child_nodes(node):
        inner = around
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*around, child.name)
            found.add(".".join(inner))
        found |= _symbols(child, inner)
    return found


@pytest.mark.parametrize("max_bytes", [300, 2000, 1_000_000])
@pytest.mark.parametrize("name", ["queue.py", "tempfile.py", "json/encoder.py"])
def test_every_symbol_is_indexed_whatever_the_cut(name: str, max_bytes: int) -> None:
    data = Path(sysconfig.get_path("stdlib"), name).read_bytes()
    chunks = split(data, path=name, max_bytes=max_bytes, window_bytes=2_000_000)
    found = {symbol for chunk in chunks for symbol in OPERATIONS["index"](chunk)}
    expected = _symbols(ast.parse(data))
    assert found >= expected
    if max_bytes >= 2000:  # no docstring of these files is cut in two
        assert found == expected


def test_lines_are_those_of_the_chunk(python_sample: bytes) -> None:
    lines = python_sample.decode().splitlines()
    seen = 0
    for chunk in split(python_sample, path="m.py", max_bytes=300):
        for name, entry in OPERATIONS["index"](chunk).items():
            line = lines[chunk.start_line + entry["line"] - 2]
            assert name.rsplit(".", 1)[-1] in line or line.lstrip().startswith("@")
            seen += 1
    assert seen == 10


def test_analysis_of_python() -> None:
    facts = OPERATIONS["analyze"](
        _one(
            "import os, sys\nfrom a import (\n    b,\n)\n\nclass A(B):\n    'Doc.'\n    @property\n"
            "    def f(self, x: int = 1) -> int:  # note\n        return x if x and self else 0\n"
        )
    )
    assert facts["imports"] == ["import os, sys", "from a import ( b, )"]
    assert facts["documented_ratio"] == 0.5
    assert facts["complexity"] == 2
    method = facts["symbols"][1]
    assert method == {
        "name": "A.f",
        "kind": "method",
        "line": 8,
        "end_line": 10,
        "signature": "def f(self, x: int = 1) -> int",
        "documented": False,
        "complexity": 3,
        "body": None,
    }


def test_analysis_of_a_method_on_its_own() -> None:
    source = "class A {\n" + "".join(f"  /** Doc. */\n  m{n}() {{ return {n} && this; }}\n" for n in range(9)) + "}\n"
    chunks = split(source.encode(), path="a.ts", max_bytes=64)
    facts = [OPERATIONS["analyze"](chunk)["symbols"] for chunk in chunks if chunk.kind == "method"]
    assert [[symbol["name"] for symbol in symbols] for symbols in facts] == [[f"A.m{n}"] for n in range(1, 9)]
    assert all(symbols[0]["documented"] and symbols[0]["complexity"] == 2 for symbols in facts)
    assert {symbols[0]["kind"] for symbols in facts} == {"method"}


def test_counts_of_nodes() -> None:
    facts = OPERATIONS["parse"](_one("x = 1\n"))
    assert facts == {"language": "python", "nodes": 6, "named_nodes": 5, "depth": 4, "errors": 0, "missing": 0}
    assert OPERATIONS["parse"](_one("def (:\n"))["errors"] > 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_text_without_a_grammar_has_no_facts(operation: str) -> None:
    facts: dict[str, Any] = OPERATIONS[operation](_one("plain words", "a.txt"))
    assert not any(facts.values())


def test_deep_nesting_does_not_recurse() -> None:
    chunk = _one("x = " + "(" * 20_000 + "1" + ")" * 20_000)
    assert OPERATIONS["parse"](chunk)["depth"] > 20_000
    assert OPERATIONS["analyze"](chunk)["symbols"] == []


@pytest.mark.parametrize(
    ("path", "source", "imports", "complexity"),
    [
        ("a.rs", "use a::b;\n\nfn f(x: i32) -> i32 {\n    if x > 0 && x < 9 { 1 } else { 0 }\n}\n", 1, 2),
        ("a.go", 'package a\n\nimport "fmt"\n\nfunc F(x int) {\n\tfor x > 0 {\n\t\tfmt.Print(x)\n\t}\n}\n', 1, 1),
        ("A.java", "import a.B;\n\nclass A {\n  int f(int x) { return x > 0 ? 1 : 0; }\n}\n", 1, 1),
        ("a.c", "#include <a.h>\n\nint f(int x) {\n  switch (x) { case 1: return 2; }\n  return 0;\n}\n", 1, 1),
        ("a.sh", "f() {\n  if true; then echo; fi\n}\n", 0, 1),
    ],
)
def test_other_languages_have_imports_and_branches(path: str, source: str, imports: int, complexity: int) -> None:
    facts = OPERATIONS["analyze"](_one(source, path))
    assert len(facts["imports"]) == imports
    assert facts["complexity"] == complexity
    assert [symbol["name"].rsplit(".", 1)[-1].lower() for symbol in facts["symbols"]][-1] == "f"
