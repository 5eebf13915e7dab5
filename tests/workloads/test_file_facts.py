"""Facts tell what a file says, whatever it says, and always the same."""

from __future__ import annotations

import json
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.workloads.facts import file_facts, module_of

SOURCE = b'''"""First line.

More."""
import os.path
import collections.abc as cabc
from . import sibling
from ..top import name as other
__all__ = ["public", "Thing", "LIMIT"]
LIMIT = 10
RATE: float = 1e-3
NAME = "x"
FLAG = True
COMPUTED = 1 + LIMIT
_HIDDEN = 1

def public(a, b: int = 1, *args, c="`", **kw) -> "int":
    """Do it.

    Long."""
    if a and b or c:
        for x in [y for y in args if y]:
            os.path.join(x)
    return cabc.Mapping

def unlisted(): pass

if True:
    async def _private(): assert 1

class Thing(dict):
    """A thing."""
    def __init__(self, size=3): pass
    def method(self): pass
    def _inner(self): pass
'''


def test_symbols_have_names_signatures_and_docstrings() -> None:
    facts = file_facts("pkg/sub/mod.py", SOURCE)
    found = {s["name"]: s for s in facts["symbols"]}
    assert facts["doc"] == "First line."
    assert found["public"]["signature"] == "pkg.sub.mod.public(a, b: int=1, *args, c=''', **kw) -> 'int'"
    assert found["public"]["doc"] == "Do it."
    assert [name for name, s in found.items() if s["public"]] == [
        "public",
        "Thing",
        "Thing.__init__",
        "Thing.method",
    ]
    assert [s["kind"] for s in found.values()] == ["function", "function", "function", "class", *["method"] * 3]


def test_complexity_counts_paths() -> None:
    facts = file_facts("mod.py", SOURCE)
    found = {s["name"]: s["complexity"] for s in facts["symbols"]}
    # public: 1 + if + `and` + `or` + for + comprehension; _private: 1 + assert
    assert (found["public"], found["_private"], found["Thing.method"], found["Thing"]) == (6, 2, 1, 0)


def test_imports_are_absolute_and_uses_are_dotted() -> None:
    facts = file_facts("pkg/sub/mod.py", SOURCE)
    assert [(i["module"], i["names"]) for i in facts["imports"]] == [
        ("collections.abc", []),
        ("os.path", []),
        ("pkg.sub", ["sibling"]),
        ("pkg.top", ["name"]),
    ]
    assert set(facts["uses"]) == {"os.path", "collections.abc.Mapping", "pkg.sub.sibling", "pkg.top.name"}


def test_constants_are_literals_with_public_upper_case_names() -> None:
    constants = {c["name"]: (c["value"], c["number"]) for c in file_facts("mod.py", SOURCE)["constants"]}
    assert constants == {"LIMIT": ("10", 10), "RATE": ("0.001", 0.001), "NAME": ("'x'", None), "FLAG": ("True", None)}


@pytest.mark.parametrize("members", ["'a', 'b', 'c'", "'c', 'b', 'a'", "'b', 'a', 'c'"])
def test_a_set_is_told_in_the_order_of_the_source(members: str) -> None:
    constants = file_facts("mod.py", f"NAMES = ({{{members}}}, 1)\n".encode())["constants"]
    assert [constant["value"] for constant in constants] == [f"({{{members}}}, 1)"]


@pytest.mark.parametrize(
    "data",
    [b"def (:", b"x = 1\n\0", b"(" * 5000, b"-" * 20_000 + b"1", b"# coding: nonsense\n", b"\xff", b"'\\d'\nx = = 1"],
)
def test_what_cannot_be_parsed_says_why(data: bytes) -> None:
    facts = file_facts("bad.py", data)
    assert facts["error"]
    assert facts["symbols"] == []
    assert facts["nbytes"] == len(data)


def test_warnings_of_foreign_code_stay_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert file_facts("warn.py", b"x = '\\d'\ny = 1 is 1\n")["error"] is None


def test_hostile_text_is_inert() -> None:
    source = 'def f(a="`[REQ-A-001]"):\n    """`x` [REQ-A-001] <script> --- \x1b[31m \u202e"""\n'
    symbol = file_facts("a.py", source.encode())["symbols"][0]
    assert "`" not in symbol["signature"]
    assert symbol["doc"].isprintable()
    assert not set("`[]<>|") & set(symbol["doc"])
    assert "---" not in symbol["doc"]


def test_typescript_names_its_definitions_and_modules() -> None:
    source = b"import { a } from './util/x.js';\nimport fs from 'fs';\nexport class Box { get() { return 1 } }\n"
    source += b"export function open(path: string) { return fs }\nconst _f = () => 2;\n"
    facts = file_facts("web/app.ts", source)
    assert [i["module"] for i in facts["imports"]] == ["fs", "web.util.x"]
    assert [(s["signature"], s["kind"], s["public"]) for s in facts["symbols"]] == [
        ("web.app.Box", "class", True),
        ("web.app.Box.get()", "method", True),
        ("web.app.open(path: string)", "function", True),
        ("web.app._f", "function", False),
    ]


def test_markdown_headings_are_found_but_promise_nothing() -> None:
    facts = file_facts("README.md", b"# Top\n\ntext\n\n## Part [REQ-A-001]\n\n" + b"word " * 600)
    assert facts["doc"] == "Top"
    assert not any(s["public"] for s in facts["symbols"])


@pytest.mark.parametrize(
    ("path", "module"), [("a.py", "a"), ("a/__init__.py", "a"), ("__init__.py", "__init__"), ("a/b.tsx", "a.b")]
)
def test_modules_are_named_after_paths(path: str, module: str) -> None:
    assert module_of(path) == module


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["a.py", "a.ts", "a.js", "a.md"]))
def test_facts_of_any_bytes_are_plain_and_repeatable(data: bytes, path: str) -> None:
    facts = file_facts(path, data)
    assert json.loads(json.dumps(facts)) == facts == file_facts(path, data)
