"""One module of many: it is Python, of the size that was asked for, and its chunks tell what the whole does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from perflab.errors import SourceError
from perflab.workloads.amalgam import PATH, amalgamate
from perflab.workloads.corpus import Corpus, select


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return select(limit_bytes=300_000)


def test_the_same_seed_gives_the_same_module_within_its_size(corpus: Corpus, tmp_path: Path) -> None:
    one, two = (amalgamate(corpus, tmp_path / name, 150_000, seed=3).read_bytes() for name in "ab")
    assert one == two
    assert 75_000 < len(one) <= 150_000
    assert ast.parse(one).body
    assert amalgamate(corpus, tmp_path / "c", 150_000, seed=4).read_bytes() != one
    assert [file.path for file in select(tmp_path / "a").files] == [PATH]


def test_a_size_that_no_file_fits_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="fits in 3 bytes"):
        amalgamate(corpus, tmp_path, 3)
