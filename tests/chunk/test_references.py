"""A chunk tells its imports and the names that it uses."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from perflab.chunk import References, split

SAMPLES = Path(__file__).parents[2] / "data" / "samples"


@pytest.mark.parametrize(
    ("name", "imports", "names"),
    [
        ("inventory.py", "import functools", {"dataclass", "Iterator", "lru_cache"}),
        ("queue.ts", 'import { EventEmitter } from "node:events";', {"EventEmitter", "priority"}),
        ("shelf.rs", "use std::fmt;", {"HashMap", "Formatter"}),
        ("Orchard.java", "import java.util.List;", {"ArrayList", "kilograms"}),
        ("ring.c", "#include <stddef.h>", {"calloc", "RING_ROOM"}),
        ("poster.css", '@import url("letters.css");', set()),
    ],
)
def test_imports_and_names(name: str, imports: str, names: set[str]) -> None:
    found = [chunk.references for chunk in split((SAMPLES / name).read_bytes(), path=name)]
    assert imports in {statement for references in found for statement in references.imports}
    assert names <= {used for references in found for used in references.names}


def test_names_are_those_of_the_parser() -> None:
    data = (Path(sysconfig.get_path("stdlib")) / "bisect.py").read_bytes()
    (known,) = [{node.id for node in ast.walk(ast.parse(data)) if isinstance(node, ast.Name)}]
    found = {name for chunk in split(data, path="bisect.py") for name in chunk.references.names}
    assert known - {"bisect", "insort"} <= found  # the module binds these itself


def test_a_method_does_without_its_class() -> None:
    source = (
        b"class A {\n" + b"".join(b"  m%d(x) {\n    return this.other(x, y);\n  }\n\n" % n for n in range(9)) + b"}\n"
    )
    method = split(source, path="a.js", max_bytes=100)[3]
    assert method.kind == "method"
    assert method.references == References((), ("other", "x", "y"))


def test_text_refers_to_nothing() -> None:
    assert split(b"import os\n", path="a.txt")[0].references == References()
