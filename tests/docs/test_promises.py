"""Every promise names tests, and every test that is named exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = {
    "perflab/README.md": (r"^## Promises$", r"^- "),
    "SECURITY.md": (r"^## What is promised$", r"^\d+\. "),
}
NAMED = re.compile(r"`(tests/[\w/.]+?\.py)(?:::(\w+))?`")


def promises(file: str) -> Iterator[str]:
    """Yield each promise of a document."""
    begin, mark = PROMISES[file]
    text = (ROOT / file).read_text("utf-8")
    section = re.split(r"^## ", re.split(begin, text, flags=re.MULTILINE)[1], flags=re.MULTILINE)[0]
    for part in re.split(r"^#+ .*$", section, flags=re.MULTILINE):
        yield from re.split(mark, part, flags=re.MULTILINE)[1:]


def functions_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("file", PROMISES)
def test_every_promise_names_a_test_that_exists(file: str) -> None:
    found = list(promises(file))
    assert len(found) >= 7
    for promise in found:
        named = NAMED.findall(promise)
        assert named, f"no test shows: {promise[:80]}"
        for path, function in named:
            assert (ROOT / path).is_file(), f"{path} is no file"
            assert not function or function in functions_in(ROOT / path), f"{path} has no {function}"
