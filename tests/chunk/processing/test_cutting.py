"""Files that workers cut, and files that are cut again after an edit, lie as if they were cut whole."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.chunk import Chunk, lay_out, split
from perflab.chunk.processing.cutting import Cut, Layouts
from perflab.chunk.reading.source import opened
from perflab.chunk.splitting.split import Splitter
from perflab.parallel import Workers

WINDOW = 4096


def splitter(path: str = "m.py", timeout_s: float = 5.0) -> Splitter:
    return Splitter(path, None, max_bytes=200, window_bytes=WINDOW, timeout_s=timeout_s, note=None)


def source(count: int = 400) -> bytes:
    return b"".join(b"def f%d(x):\n    '''Say %d.'''\n    return x + %d\n\n\n" % (n, n, n) for n in range(count))


@pytest.fixture(scope="module", params=["threads", "processes"])
def several(request: pytest.FixtureRequest) -> Iterator[Workers]:
    with Workers(2, request.param, in_flight=3) as made:
        yield made


def cut(data: bytes, workers: Any, layouts: Layouts | None = None, **options: Any) -> tuple[list[Chunk], Cut]:
    made = Cut(splitter(**options), workers, layouts, [])
    with opened(io.BytesIO(data)) as opened_source:
        return list(made.chunks(opened_source)), made


@pytest.mark.parametrize("path", ["m.py", "m.md", "m.txt", "m.ts"])
def test_workers_cut_a_file_as_one_does(several: Workers, path: str) -> None:
    data = source()
    expected = split(data, path=path, max_bytes=200, window_bytes=WINDOW)
    for layouts in (None, Layouts()):
        assert cut(data, several, layouts, path=path)[0] == expected


def test_what_workers_cut_is_the_layout_of_the_file(several: Workers) -> None:
    layouts = Layouts()
    cut(source(), several, layouts)
    known = layouts.get(splitter())
    assert known is not None
    assert known[0] == lay_out(source(), splitter())


@settings(deadline=None, max_examples=60)
@given(st.randoms(use_true_random=False))
def test_after_any_edit_a_file_lies_as_if_it_were_new(chance: random.Random) -> None:
    layouts, data = Layouts(), source(150)
    with Workers(1) as workers:
        cut(data, workers, layouts)
        for _ in range(3):
            data = edited(data, chance)
            assert cut(data, workers, layouts)[0] == split(data, path="m.py", max_bytes=200, window_bytes=WINDOW)


def edited(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    stop = min(len(data), start + chance.choice([0, 1, 30, 3000]))
    kind = chance.choice(["delete", "quote", "brace", "move", "copy"])
    part = data[start:stop]
    if kind == "move":
        rest = data[:start] + data[stop:]
        at = chance.randrange(len(rest) + 1)
        return rest[:at] + part + rest[at:]
    new = {"delete": b"", "quote": b'"""', "brace": b"(", "copy": part * 2}[kind]
    return data[:start] + new + data[stop:]


def test_moved_and_deleted_chunks_are_told() -> None:
    layouts = Layouts()
    functions = [b"def f%d(x):\n    return [%s]\n\n\n" % (n, b"x, " * 40) for n in range(60)]
    with Workers(1) as workers:
        assert cut(b"".join(functions), workers, layouts)[1].changes is None
        moved = [*functions[:10], *functions[11:40], functions[10], *functions[41:]]
        changes = cut(b"".join(moved), workers, layouts)[1].changes
    assert changes is not None
    assert [old.name for old, _ in changes.moved] == ["f10"]
    assert [place.name for place in changes.deleted] == ["f40"]
    assert changes.added == ()
    assert changes.kept == 58


def test_other_settings_and_too_many_chunks_are_forgotten() -> None:
    layouts = Layouts(most_chunks=500)
    with Workers(1) as workers:
        cut(source(100), workers, layouts)
        assert layouts.get(replace(splitter(), max_bytes=300)) is None
        assert layouts.get(splitter()) is not None
        cut(source(100), workers, layouts, path="other.py")
        cut(source(450), workers, layouts, path="third.py")
        assert layouts.get(splitter()) is None
        assert layouts.get(splitter("third.py")) is not None
        cut(source(600), workers, layouts, path="huge.py")
        assert layouts.get(splitter("huge.py")) is None


def test_sentences_are_told_once_and_again_of_a_file_that_is_the_same(several: Workers) -> None:
    layouts = Layouts()
    data = source().replace(b"def f9", b"def f9(:\ndef f9")
    _, first = cut(data, several, layouts)
    assert len(first.notes) == 1
    assert "syntax error" in first.notes[0]
    assert cut(data, several, layouts)[1].notes == first.notes


class Killing(Workers):
    """Sends a window that kills its worker, as a parser's crash does."""

    def map(self, fn: Any, items: Any, **options: Any) -> Iterator[Any]:
        return super().map(lambda item: os._exit(1) if b"f200(" in item.data else fn(item), items, **options)


def test_a_window_that_kills_its_worker_is_cut_as_text() -> None:
    with Killing(2, "processes", in_flight=2) as workers:
        chunks, made = cut(source(), workers)
    assert b"".join(chunk.data for chunk in chunks) == source()
    assert {chunk.language for chunk in chunks} == {"python", None}
    assert made.notes == ["m.py is cut as text in part: a worker that parsed it was killed"]
    assert chunks[-1].language == "python"


def test_no_further_window_waits_for_a_parser_that_is_too_slow() -> None:
    with Workers(2, "threads", in_flight=2) as workers:
        made = Cut(replace(splitter("m.md", timeout_s=1e-9), timer=ticking()), workers, None, [])
        with opened(io.BytesIO(source(2000))) as opened_source:
            chunks = list(made.chunks(opened_source))
    assert b"".join(chunk.data for chunk in chunks) == source(2000)
    assert len(made.notes) == 1
    assert chunks[-1].language is None


def ticking() -> Any:
    now = iter(range(1_000_000_000))
    return lambda: float(next(now))
