"""What chunks say together is what the file says, whatever the cut."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from perflab.chunk import OPERATIONS, FileResult, analysis_of, duplicates, index_of, process_file


def result_of(path: Path, operation: str, parts: Any, max_bytes: int) -> FileResult[Any]:
    cache, workers = parts
    return process_file(path, OPERATIONS[operation], cache=cache, workers=workers, max_bytes=max_bytes)


@pytest.fixture
def parts(cache: Any, workers: Any) -> Any:
    return cache, workers


@pytest.mark.parametrize("max_bytes", [2000, 200_000])
@pytest.mark.parametrize("name", ["queue.py", "tempfile.py"])
def test_an_index_leads_to_the_definition(parts: Any, name: str, max_bytes: int) -> None:
    path = Path(sysconfig.get_path("stdlib"), name)
    data, lines = path.read_bytes(), path.read_text().splitlines()
    found = index_of(result_of(path, "index", parts, max_bytes))
    tops = {n.name: n for n in ast.parse(data).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assert found.keys() >= tops.keys()
    for top, node in tops.items():
        symbol = found[top]
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        assert symbol.line == first
        assert top.encode() in data[symbol.chunk.start :]
        assert symbol.chunk.start_line <= symbol.line <= symbol.chunk.end_line
        assert lines[symbol.line - 1].startswith(("def", "class", "@"))


@pytest.mark.parametrize("max_bytes", [2000, 200_000])
def test_coverage_and_imports_are_those_of_the_file(parts: Any, max_bytes: int) -> None:
    path = Path(sysconfig.get_path("stdlib"), "queue.py")
    tree = ast.parse(path.read_bytes())
    facts = analysis_of(result_of(path, "analyze", parts, max_bytes))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    documented = [node for node in defined if ast.get_docstring(node) is not None]
    assert facts.documented_ratio == len(documented) / len(defined)
    assert len(facts.symbols) == len(defined)
    assert len(facts.imports) == len(
        {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)}
    )


BODY = "    total = 0\n    for item in items:\n        total += item * {factor}\n    return total\n"


def test_duplicates_are_found_across_files_whatever_their_names_and_spaces(tmp_path: Path, parts: Any) -> None:
    same = BODY.format(factor=3)
    sources = {
        "a.py": f"def one(items):\n{same}\n\ndef other(items):\n{BODY.format(factor=4)}",
        "b.py": f"class C:\n    def two(items):\n{same.replace('    ', '        ')}\n\ndef tiny():\n    return 1\n",
        "c.py": "def tiny():\n    return 1\n",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    results = [result_of(tmp_path / name, "analyze", parts, 2000) for name in sources]
    (group,) = duplicates(results)
    places = [(symbol.name, Path(symbol.path).name, symbol.line) for symbol in group]
    assert places == [("one", "a.py", 1), ("C.two", "b.py", 2)]


def test_failed_chunks_and_files_without_definitions_say_nothing(tmp_path: Path, parts: Any) -> None:
    (tmp_path / "a.txt").write_text("words\n")
    facts = analysis_of(result_of(tmp_path / "a.txt", "analyze", parts, 2000))
    assert (facts.symbols, facts.imports, facts.complexity, facts.documented_ratio) == ((), (), 0, None)
    (tmp_path / "b.txt").touch()
    assert index_of(result_of(tmp_path / "b.txt", "index", parts, 2000)) == {}
