"""Parquet files that were damaged: refused wherever the damage is, and never read as something else."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perflab.record.footer import check_footer, opened
from perflab.record.parquet import read_file, write_file

TABLE = pa.table({"n": pa.array(range(500), pa.int64()), "w": pa.array([1.5, None] * 250)})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    write_file(path, [TABLE], TABLE.schema)
    return path


def test_others_read_what_is_written(file: Path) -> None:
    check_footer(file)
    assert pq.read_table(file).equals(TABLE)


def test_any_byte_that_is_changed_is_noticed_or_was_not_needed(file: Path) -> None:
    # Without the checksums some of these end the process, and others give other rows.
    whole = file.read_bytes()
    choice = random.Random(1)
    refused = 0
    for _ in range(600):
        data = bytearray(whole)
        data[choice.randrange(len(data))] ^= 1 << choice.randrange(8)
        file.write_bytes(data)
        try:
            assert read_file(file).equals(TABLE)
        except (OSError, pa.ArrowException):
            refused += 1
    assert refused > 300


@pytest.mark.parametrize("stop", [0, 3, 8, 100, -1, -4, -8, -200])
def test_a_file_that_was_cut_off_is_refused(file: Path, stop: int) -> None:
    file.write_bytes(file.read_bytes()[:stop])
    with pytest.raises(OSError, match=r"no Parquet file|does not fit"):
        opened(file)


def test_files_of_others_are_believed(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "theirs.parquet")
    assert read_file(tmp_path / "theirs.parquet").equals(TABLE)
