"""Facts put together from chunks are those of the whole file, or there are none."""

from __future__ import annotations

import json
import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.chunk import Chunk, split
from perflab.workloads.corpus import read_source, select
from perflab.workloads.facts import file_facts
from perflab.workloads.factsheet import FileFacts
from perflab.workloads.fragments import fragment_facts, fragment_text, merged

PATH = "pkg/sub/mod.py"


def joined(data: bytes, chunks: list[Chunk], path: str = PATH) -> FileFacts | None:
    return merged(path, data, chunks, [json.loads(fragment_text(path, chunk)) for chunk in chunks])


def chunked(data: bytes, max_bytes: int, path: str = PATH) -> FileFacts | None:
    return joined(data, split(data, path=path, max_bytes=max_bytes), path)


def cut(text: str, *pieces: tuple[int, str]) -> list[Chunk]:
    """Return chunks of some lines each, that claim to be inside what the dotted name says."""
    lines = text.encode().splitlines(keepends=True)
    borders = list(accumulate((count for count, _ in pieces), initial=0))
    assert borders[-1] == len(lines)
    chunks = []
    for (first, last), (_, outer) in zip(pairwise(borders), pieces, strict=True):
        data = b"".join(lines[first:last])
        start = len(b"".join(lines[:first]))
        parents = tuple(outer.split(".")) if outer else ()
        chunks.append(
            Chunk(PATH, start, start + len(data), first + 1, last, "statements", "", parents, "", data, "python")
        )
    return chunks


def test_chunks_of_real_files_say_what_the_files_say() -> None:
    files = [file for file in select().files if file.language == "python" and file.nbytes > 8_000]
    files.sort(key=lambda file: (file.nbytes, file.path))
    chosen = [*files[-4:], *random.Random(7).sample(files[:-4], 56)]
    known = 0
    for file in chosen:
        data = read_source(file)
        facts = chunked(data, 6_000, file.path)
        assert facts is None or facts == file_facts(file.path, data), file.path
        known += facts is not None
    assert known > len(chosen) / 2


CLASS = '''class Outer(Base):
    """The outer one."""

    LIMIT = 3

    def first(self, size=1):
        """Do it."""
        return os.sep

    @cached
    @property
    def second(self): return [x for x in self if x]

    class Inner(dict):
        """The inner one."""

        def third(self):
            while self: pass

        async def _fourth(self, *, a: int = 1) -> int:
            import os.path as where
            return where.join

    def fifth(self):
        assert self


def after(): pass
'''
GUARDED = """import typing
if typing.TYPE_CHECKING:
    import os
    class Guarded:
        def one(self): return os.sep
        def two(self): return os.sep and os.path
else:
    def fallback(): pass

class Last:
    def three(self): pass
    try:
        def four(self): pass
    except NameError:
        def five(self): pass
"""
LATE_ALL = """def one(): return 1
def two(): return 2
class Three:
    def four(self): return 4
__all__ = ["two"]
__all__ = ["one", "Three"]
LIMIT = 10
"""
REBOUND = """import one as name
def f():
    import two as name
    return name.used
if name.early:
    import three as name
    from . import sibling
"""


@pytest.mark.parametrize(
    ("text", "max_bytes"),
    [
        pytest.param(CLASS, 160, id="split class in a class"),
        pytest.param(CLASS, 256, id="split class"),
        pytest.param(CLASS.replace("    ", "\t"), 160, id="tabs"),
        pytest.param(CLASS.replace("\n", "\r\n"), 170, id="CRLF"),
        pytest.param("\ufeff" + CLASS, 160, id="byte-order mark"),
        pytest.param("# -*- coding: utf-8 -*-\n" + CLASS, 160, id="UTF-8 cookie"),
        pytest.param("x = 1\n" * 20 + "# coding: latin-1\nname = 'ü'\n" + CLASS, 160, id="no cookie"),
        pytest.param(GUARDED, 200, id="definitions under if and try"),
        pytest.param(LATE_ALL, 64, id="late __all__"),
        pytest.param(LATE_ALL.replace('["two"]', "names()"), 64, id="computed __all__"),
        pytest.param(REBOUND, 80, id="rebound imports"),
        pytest.param('"""Only a docstring,\n\nlong."""\n' + CLASS, 160, id="docstring alone"),
        pytest.param("# " + "comment\n# " * 20 + "\n\n" + '"""Doc."""\n' + CLASS, 160, id="comments alone"),
        pytest.param("x = '''\n" + "def no(): pass\n" * 3 + "'''\n" + CLASS, 160, id="text like code"),
        pytest.param(CLASS + "# the end", 160, id="no line feed at the end"),
    ],
)
def test_what_chunks_tell_is_what_the_file_tells(text: str, max_bytes: int) -> None:
    data = text.encode()
    assert len(split(data, path=PATH, max_bytes=max_bytes)) > 1
    facts = chunked(data, max_bytes)
    assert facts is not None
    assert facts["error"] is None
    assert facts == file_facts(PATH, data)


LONG = "def long():\n" + "    value = call()\n" * 20 + "    if value: return 1\n"


LIST = b"x = [\n" + b"    (1, 2),\n" * 40 + b"]\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LIST, id="long list"),
        pytest.param(b"x = '''\n" + b"def no(): pass\n" * 20 + b"'''\n", id="long text like code"),
        pytest.param(b"import os\n" * 20 + (LIST + b"os.sep\n") * 2, id="lists among others"),
        pytest.param(b"x = '''\n" + b"(not code\n" * 20 + b"'''\n\n\ndef f():\n    pass\n", id="long text"),
        pytest.param(b"# " + b"word" * 60 + b"\nx = 1\n", id="line cut inside"),
    ],
)
def test_a_statement_or_a_line_that_was_cut_is_looked_at_together(data: bytes) -> None:
    assert len(split(data, path="m.py", max_bytes=100)) > 2
    assert chunked(data, 100) == file_facts(PATH, data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(LONG.encode(), id="split function"),
        pytest.param(b"x = 1\n" * 40 + b"def (:\n", id="syntax error"),
        pytest.param(b"# coding: latin-1\n" + b"x = 1\n" * 40 + "y = 'ü'\n".encode("latin-1"), id="cookie"),
        pytest.param(b"# coding: latin-1\n" + b"x = 1\n" * 40 + "y = 'ü'\n".encode(), id="cookie, valid UTF-8"),
        pytest.param(b"x = 1\n" * 40 + b"y = '\xff'\n", id="invalid UTF-8"),
        pytest.param(b"x = 1\n" * 40 + b"y = 2\rdef f(): pass\n" + b"z = 1\n" * 20, id="lone CR"),
        pytest.param(b"x = 1\n" * 40 + b"# y\rdef f(): pass\n" + b"z = 1\n" * 20, id="lone CR in a comment"),
        pytest.param(b"x = 1\n" * 40 + "\ufeffy = 1\n".encode() + b"z = 1\n" * 40, id="mark inside"),
        pytest.param(b"".join(b" " * n + b"if x:\n" for n in range(101)) + b" " * 101 + b"y\n", id="too deep"),
        pytest.param(b"x = 1\n" * 40 + b"y = 1\0\n", id="NUL"),
    ],
)
def test_what_chunks_cannot_tell_is_not_told(data: bytes) -> None:
    assert chunked(data, 100) is None


TRY = "try:\n    class A:\n        a = 1\nfinally:\n    class B:\n        b = 1\n"
DEEP = "".join(" " * depth + "class A:\n" for depth in range(98)) + " " * 98 + "x\n"
DEEPER = "".join(" " * depth + "class A:\n" for depth in range(98, 101)) + " " * 101 + "x\n"
MEMBERS = "class A:\n    def one(self): pass\n"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param(MEMBERS + "  def two(self): pass\n", [(2, ""), (1, "A")], id="indented less"),
        pytest.param(MEMBERS + "      def two(self): pass\n", [(2, ""), (1, "A")], id="indented more"),
        pytest.param(MEMBERS + "\tdef two(self): pass\n", [(2, ""), (1, "A")], id="tabs after spaces"),
        pytest.param(
            MEMBERS + "    def two(self): pass\n\tx = 1\n", [(2, ""), (1, "A"), (1, "A")], id="tabs in a later chunk"
        ),
        pytest.param(MEMBERS + "x = 1\n    y = 2\n", [(2, ""), (1, ""), (1, "A")], id="closed class"),
        pytest.param(MEMBERS + "    x = 1\ny = 2\n    z = 3\n", [(2, ""), (2, "A"), (1, "A")], id="closed in a member"),
        pytest.param("class A: pass\n    x = 1\n", [(1, ""), (1, "A")], id="class on one line"),
        pytest.param("class A: \\\n    x\n    y\n", [(2, ""), (1, "A")], id="class on one continued line"),
        pytest.param("class A:\n    \\\n  b\n  c\n", [(3, ""), (1, "A")], id="continued blank line"),
        pytest.param("x = 1 +\\\n2\n", [(1, ""), (1, "")], id="continued line"),
        pytest.param("x = 1; \\\r\ndef f(): pass\r\n", [(1, ""), (1, "")], id="continued after a semicolon"),
        pytest.param("def f():\n    x = 1\n    y = 2\n", [(2, ""), (1, "f")], id="function"),
        pytest.param(MEMBERS + "    @wrapped\n    def two(self): pass\n", [(3, ""), (1, "A")], id="decorator alone"),
        pytest.param("if x:\n    class A:\n        a = 1\n    b = 1\n", [(3, ""), (1, "A")], id="block around a class"),
        pytest.param(
            "def f():\n    class A:\n        a = 1\n        b = 1\n", [(3, ""), (1, "A")], id="class in a function"
        ),
        pytest.param(TRY + "        c = 1\n", [(6, ""), (1, "A")], id="class in an earlier block"),
        pytest.param("x = 1\n\ufeffy = 2\n", [(1, ""), (1, "")], id="mark inside"),
        pytest.param(DEEP + DEEPER, [(99, ""), (4, ".".join("A" * 98))], id="too deep"),
        pytest.param("match x:\n  case A:\n    a = 1\n    b = 2\n", [(3, ""), (1, "A")], id="case"),
    ],
)
def test_chunks_that_claim_too_much_are_not_believed(text: str, pieces: list[tuple[int, str]]) -> None:
    assert joined(text.encode(), cut(text, *pieces)) is None


def test_a_class_goes_on_where_its_chunks_say() -> None:
    text = MEMBERS + "    class B:\n        x = 1\n\n        y = 2\n    # aside\n    def two(self): pass\n"
    facts = joined(text.encode(), cut(text, (2, ""), (2, "A"), (2, "A.B"), (1, "f"), (1, "A")))
    assert facts == file_facts(PATH, text.encode())
    assert [(item["name"], item["line"], item["lines"]) for item in facts["symbols"]] == [
        ("A", 1, 8), ("A.one", 2, 1), ("A.B", 3, 4), ("A.two", 8, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param(TRY + "        def c(self): pass\n", [(6, ""), (1, "B")], id="class in the last block"),
        pytest.param("x = 1\n'Text.'\n", [(1, ""), (1, "")], id="text that is no docstring"),
        pytest.param(MEMBERS + "    LIMIT = 1\n    __all__ = []\n", [(2, ""), (2, "A")], id="names of a class"),
        pytest.param("x = 1\ny = 2\n# coding: latin-1\nNAME = 'ü'\n", [(2, ""), (2, "")], id="no cookie"),
    ],
)
def test_chunks_are_believed_if_they_fit(text: str, pieces: list[tuple[int, str]]) -> None:
    assert joined(text.encode(), cut(text, *pieces)) == file_facts(PATH, text.encode())


def test_a_semicolon_on_a_line_of_its_own_belongs_to_the_class() -> None:
    text = MEMBERS + "    x = 1 \\\n    ;\n"
    assert joined(text.encode(), cut(text, (2, ""), (2, "A"))) == file_facts(PATH, text.encode())


def test_the_last_import_of_a_name_wins_wherever_it_stands() -> None:
    text = "import a as n\ndef f():\n    import b as n\nimport c as n\nn.x\n"
    for facts in (file_facts(PATH, text.encode()), joined(text.encode(), cut(text, (1, ""), (2, ""), (2, "")))):
        assert facts is not None
        assert facts["uses"] == ["c.x"]


def test_a_fragment_does_not_know_where_it_stands() -> None:
    text = "import os\n\ndef f(): return os.sep\n"
    here, there = cut(text * 2, (3, ""), (3, ""))
    assert fragment_facts(PATH, here) == fragment_facts(PATH, there)


LINES = (
    "class A:", "class B(A):", "def f(a, b=1):", "if x:", "else:", "try:", "except E:", "finally:", "with x:",
    "for x in y:", "match x:", "case 1:", "@wrapped", "x = 1", "LIMIT = 7", "pass", "import a.b as n", "import n",
    "from . import n", "n.used", "return n.other", '"""Text', 'text."""', '"""Doc."""', "# comment", "", "x = (", ")",
    "y = \\", "\\", "__all__ = ['A']", "class A: x = 1", "def f(): return n.used", "\f", "x; y", ";",
)  # fmt: skip
INDENTS = ("", "", "", "    ", "    ", "        ", "  ", "\t", "\f    ")
CODE = st.lists(st.tuples(st.sampled_from(INDENTS), st.sampled_from(LINES)).map("".join), min_size=1, max_size=9)


@settings(deadline=None, max_examples=300)
@given(lines=CODE, data=st.data())
def test_however_a_file_is_cut_the_facts_are_its_own_or_none(lines: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}\n" for line in lines)
    borders = sorted(data.draw(st.sets(st.integers(1, len(lines)), max_size=3)) | {0, len(lines)})
    outers = data.draw(st.lists(st.sampled_from(["", "", "A", "B", "A.B", "f"]), min_size=4, max_size=4))
    pieces = [(stop - start, outer) for (start, stop), outer in zip(pairwise(borders), outers, strict=False)]
    facts = joined(text.encode(), cut(text, *pieces))
    assert facts is None or facts == file_facts(PATH, text.encode())
