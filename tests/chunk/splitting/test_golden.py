"""How one sample of each language is cut, as it was looked over line by line.

After a change that is meant to cut otherwise, delete `golden/` and run this file: it writes what it finds and fails.
Look the new files over before they are committed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.chunk import language_of, split
from perflab.chunk.languages.grammar import GRAMMARS

SAMPLES = sorted((Path(__file__).parents[3] / "data" / "samples").iterdir())
GOLDEN = Path(__file__).with_name("golden")
MAX_BYTES = 300


def outline(path: Path) -> str:
    """Return a line a chunk: its lines, kind, qualified name, the definitions around it, how its text begins."""
    lines = []
    for chunk in split(path.read_bytes(), path=path.name, max_bytes=MAX_BYTES):
        begins = chunk.data.decode().strip().split("\n", 1)[0]
        where = f"{chunk.start_line}-{chunk.end_line}"
        inside = f" in {', '.join(chunk.parents)}" if chunk.parents else ""
        lines.append(f"{where:7} {chunk.kind} {chunk.name}".rstrip() + f"{inside} | {begins}\n")
    return "".join(lines)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_cut_as_looked_over(path: Path) -> None:
    golden = GOLDEN / f"{path.name}.txt"
    found = outline(path)
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(found)
        pytest.fail(f"{golden} was missing and is written; look it over")
    assert found == golden.read_text()


def test_every_language_has_a_sample() -> None:
    assert {language_of(path) for path in SAMPLES} == set(GRAMMARS)
