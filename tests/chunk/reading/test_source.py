"""Files, pipes and URLs are read to their end, and what is wrong with them is said by name."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import fsspec
import pytest

from perflab.chunk import process_file, stream
from perflab.chunk.edits.manifest import content_digest
from perflab.chunk.reading.source import opened
from perflab.errors import ConfigError, SourceError

COPY = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"
TEXT = b"".join(b"line %d of the text\n" % number for number in range(5000))


def joined(source: Any, **options: Any) -> bytes:
    return b"".join(piece.data for piece in stream(source, **options))


def test_a_file_a_pipe_and_a_url_are_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    files = fsspec.filesystem("memory")
    with files.open("/perflab/a.txt", "wb") as file:
        file.write(TEXT)
    with subprocess.Popen([sys.executable, "-c", COPY, str(path)], stdout=subprocess.PIPE) as program:
        pieces = [list(stream(source, max_bytes=4096)) for source in (path, "memory://perflab/a.txt", program.stdout)]
    assert b"".join(piece.data for piece in pieces[0]) == TEXT
    assert {tuple(piece.digest for piece in found) for found in pieces} == {tuple(p.digest for p in pieces[0])}
    assert content_digest(path) == content_digest("memory://perflab/a.txt")


def test_a_pipe_that_gives_little_at_a_time_is_waited_for() -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as file:
            for at in range(0, len(TEXT), 777):
                file.write(TEXT[at : at + 777])

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb", buffering=0) as file:
        assert joined(file) == TEXT
    writer.join()


def test_chunks_of_a_pipe_are_processed(cache: Any, workers: Any) -> None:
    result = process_file(io.BytesIO(TEXT), len, cache=cache, workers=workers)
    assert (result.path, sum(filter(None, result.results)), result.nbytes) == ("", len(TEXT), len(TEXT))


def test_lines_count_on_through_pieces() -> None:
    pieces = list(stream(io.BytesIO(TEXT), max_bytes=1000))
    line = start = 0
    for piece in pieces:
        assert (piece.start, piece.start_line) == (start, line + 1)
        assert piece.data.endswith(b"\n")
        start, line = piece.stop, piece.end_line
    assert (start, line) == (len(TEXT), 5000)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_characters_stay_whole(encoding: str) -> None:
    mark = "\ufeff"
    text = mark + "".join(f"Zeile {number} \u0a0d\u0d0a \U0001f600\n" for number in range(900))
    pieces = list(stream(io.BytesIO(text.encode(encoding)), max_bytes=500))
    assert "".join(piece.data.decode(encoding) for piece in pieces) == text
    assert all(piece.data.decode(encoding).endswith("\n") for piece in pieces)


def test_sections_of_markdown_have_names_and_places(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    intro, words, text = "intro " * 15, "words " * 15, "text " * 15
    parts = [f"# Part {n}\n\n{words}\n\n## Inner\n\n{text}\n\n" for n in range(9)]
    path.write_text(f"{intro}\n\n{''.join(parts)}")
    pieces = list(stream(path, max_bytes=128))
    assert [piece.name for piece in pieces if piece.kind == "heading"][:4] == [
        "Part 0", "Part 0 / Inner", "Part 1", "Part 1 / Inner",
    ]  # fmt: skip
    assert pieces[0].kind == "statements"
    assert b"".join(piece.data for piece in pieces) == path.read_bytes()


def test_one_line_of_many_megabytes_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("ä".encode() * 3_000_000)
    pieces = list(stream(path, max_bytes=10_000))
    assert sum(len(piece) for piece in pieces) == 6_000_000
    assert all(piece.data.decode() and len(piece) <= 10_000 for piece in pieces)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("memory://perflab/none", "cannot be opened"),
        ("nosuch://perflab/a", "cannot be opened"),
        ("a\0b", "NUL"),
        ("/dev/zero", "device"),
        (io.StringIO("text"), "gave str where bytes are needed"),
    ],
)
def test_bad_sources_are_named(source: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(stream(source))


@pytest.mark.parametrize(
    ("options", "message"), [({"at": "word"}, "'word'"), ({"separator": b""}, "empty"), ({"max_bytes": 9}, "is 9")]
)
def test_absurd_settings_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        list(stream(io.BytesIO(b"x"), **options))


def test_a_disk_that_fails_on_the_way_is_named() -> None:
    class Failing(io.RawIOBase):
        name = "tape"

        def readable(self) -> bool:
            return True

        def readinto(self, _: Any) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(SourceError, match="'tape' cannot be read on: Input/output error"):
        list(stream(Failing()))


@pytest.mark.parametrize("change", ["grown", "shortened", "rewritten"])
def test_a_file_that_changes_while_it_is_read_is_told(tmp_path: Path, change: str, cache: Any, workers: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT * 30)
    os.utime(path, ns=(1, 1))
    told: list[str] = []
    seen = b""
    for number, piece in enumerate(stream(path, note=told.append)):
        seen += piece.data
        if number == 0:
            with path.open("ab" if change == "grown" else "r+b") as file:
                if change == "shortened":
                    file.truncate(2_000_000)
                else:
                    file.write(b"other")
    (sentence,) = told
    assert "changed while it was read" in sentence
    assert f"{len(seen)} were read" in sentence

    def changing(chunk: Any) -> int:
        with path.open("ab") as file:
            file.write(b"more")
        return len(chunk)

    result = process_file(path, changing, cache=cache, workers=workers, max_bytes=200_000, window_bytes=400_000)
    assert any("changed while it was read" in note for note in result.notes)
    assert sum(filter(None, result.results)) == result.nbytes


def test_a_file_that_vanishes_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT * 30)
    pieces = stream(path)
    first = next(pieces)
    path.unlink()
    assert first.data + b"".join(piece.data for piece in pieces) == TEXT * 30


def test_links_lead_to_files_and_loops_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "loop").symlink_to("loop")
    assert joined(tmp_path / "link") == TEXT
    with pytest.raises(SourceError, match=r"loop.*cannot be opened"):
        joined(tmp_path / "loop")


@pytest.mark.parametrize("name", ["a\nb.py", "-rf", "a\x1b[31m", "\u202egnp.py", b"\xff\xfe.py", "'; drop", "x" * 250])
def test_hostile_names_are_only_names(tmp_path: Path, name: Any, cache: Any, workers: Any, recorder: Any) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(TEXT)
    result = process_file(path, len, cache=cache, workers=workers, recorder=recorder)
    assert (result.path, result.nbytes) == (str(path), len(TEXT))


def test_a_sparse_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    program = (
        "import resource, sys\n"
        "from perflab.chunk import stream\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "total = sum(len(piece) for piece in stream(sys.argv[1], max_bytes=1_000_000))\n"
        "print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, check=True, text=True)
    total, grown_kb = map(int, run.stdout.split())
    assert total == 100_000_000
    assert grown_kb < 20_000


def test_an_open_file_is_left_open() -> None:
    file = io.BytesIO(TEXT)
    with opened(file) as source:
        assert source.read(5) == TEXT[:5]
    assert not file.closed
