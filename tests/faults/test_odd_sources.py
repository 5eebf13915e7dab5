"""Files that no parser takes as they are: their chunks, joined, are the file, and the reason is recorded."""

from __future__ import annotations

import codecs
import json
import time
from pathlib import Path

import pytest
from causes import python
from contract import LONGEST_S

from perflab import PerformanceSystem

SOURCE = """import os


def naïve(größe):
    return größe * 2  # ✓


class Ärger:
    def a(self):
        return 'é'
"""


SYNTAX = "has a syntax error at line"
BINARY = "is binary, so that it is cut without the python grammar"
ODD: dict[str, tuple[bytes, str]] = {
    "syntax errors": (b"def (:\n  x = \n" * 300, SYNTAX),
    "syntax errors of another kind": (b"}{" * 5_000, SYNTAX),
    "CRLF": ((SOURCE * 50).replace("\n", "\r\n").encode(), ""),
    "CR": ((SOURCE * 50).replace("\n", "\r").encode(), SYNTAX),
    "BOM": (codecs.BOM_UTF8 + (SOURCE * 50).encode(), ""),
    "UTF-16": ((SOURCE * 50).encode("utf-16"), "is utf-16-le, so that it is cut without"),
    "UTF-16 without a mark": ((SOURCE * 50).encode("utf-16-be"), BINARY),
    "UTF-32": ((SOURCE * 50).encode("utf-32"), "is utf-32-le, so that it is cut without"),
    "Latin-1": ((SOURCE * 50).encode("latin-1", "replace"), SYNTAX),
    "invalid at the end": ((SOURCE * 50).encode() + b"\xff\xfe\x80" * 900, SYNTAX),
    "binary": (bytes(range(256)) * 99, BINARY),
    "open brackets": (b"(" * 50_000, SYNTAX),
    "nested lists": (b"x = " + b"[" * 20_000 + b"]" * 20_000, ""),
    "nested blocks": (b"".join(b" " * depth + b"if x:\n" for depth in range(500)), ""),
}


def check_lossless(system: PerformanceSystem, path: Path, kind: str) -> None:
    """Process a file of a kind; its results, joined, are it, and the frames say so."""
    data, told = ODD[kind]
    begun = time.monotonic()
    path.write_bytes(data)
    result = system.process_large_file(path, lambda chunk: chunk.data)
    assert time.monotonic() - begun < LONGEST_S
    assert b"".join(result.results) == data
    rows = system.frames.chunks
    assert (rows["stop"] - rows["start"]).sum() == len(data)
    assert set(rows["status"]) <= {"processed", "reused"}
    if told and path.suffix == ".py":
        events = system.frames.events
        (reason,) = events.loc[events["name"] == "chunk_fallback", "payload"]
        assert f"{path} {told}" in json.loads(reason)["reason"]


NAMES = pytest.mark.parametrize("name", ["odd.py", "odd.md", "odd.json", "odd.xyz"])


@pytest.mark.fault("source with syntax errors")
@NAMES
@pytest.mark.parametrize("kind", ["syntax errors", "syntax errors of another kind"])
def test_sources_with_syntax_errors_are_cut(system: PerformanceSystem, tmp_path: Path, name: str, kind: str) -> None:
    check_lossless(system, tmp_path / name, kind)


@pytest.mark.fault("source with CRLF or a BOM")
@NAMES
@pytest.mark.parametrize("kind", ["CRLF", "CR", "BOM"])
def test_other_line_ends_and_marks_are_cut(system: PerformanceSystem, tmp_path: Path, name: str, kind: str) -> None:
    check_lossless(system, tmp_path / name, kind)


@pytest.mark.fault("source in UTF-16")
@NAMES
@pytest.mark.parametrize("kind", ["UTF-16", "UTF-16 without a mark", "UTF-32"])
def test_sources_in_wide_characters_are_cut(system: PerformanceSystem, tmp_path: Path, name: str, kind: str) -> None:
    check_lossless(system, tmp_path / name, kind)


@pytest.mark.fault("source in invalid UTF-8")
@NAMES
@pytest.mark.parametrize("kind", ["Latin-1", "invalid at the end", "binary"])
def test_sources_that_are_no_utf_8_are_cut(system: PerformanceSystem, tmp_path: Path, name: str, kind: str) -> None:
    check_lossless(system, tmp_path / name, kind)


@pytest.mark.fault("source nested deeply")
@NAMES
@pytest.mark.parametrize("kind", ["open brackets", "nested lists", "nested blocks"])
def test_deeply_nested_sources_are_cut(system: PerformanceSystem, tmp_path: Path, name: str, kind: str) -> None:
    check_lossless(system, tmp_path / name, kind)


ONE_LINE = """
import resource, sys
from perflab import Config, PerformanceSystem

config = Config(parallel={"kind": "threads"}, resource_monitoring={"enabled": False}, cache={"l3_enabled": False})
with PerformanceSystem(config) as system:
    chunks = 0
    with open(sys.argv[1], "rb") as file:
        for chunk in system.chunks(sys.argv[1]):
            assert chunk.data == file.read(len(chunk.data))
            chunks += 1
        assert file.read() == b""
    print(chunks, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.fault("source of one 100 MB line")
@pytest.mark.parametrize("name", ["line.js", "line.txt"])
def test_one_line_of_100_mb_is_cut_in_bounded_memory(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x=1;" * 25_000_000)
    said = python(ONE_LINE, tmp_path / name)
    chunks, peak_kib = said.split()
    assert int(chunks) >= 100_000_000 // 2_000
    assert int(peak_kib) < 600_000
