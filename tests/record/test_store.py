from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from record_tables import accesses, table

from perflab.errors import ConfigError, RunError
from perflab.record import FRAMES, store
from perflab.record.store import RunFolder, read_info, read_table, size_of
from perflab.record.where import Where

NOTHING: dict[str, list[pa.Table | Path]] = {frame: [] for frame in FRAMES}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    opened = RunFolder(tmp_path / "run", {"run_id": "run"})
    yield opened
    opened.release()


def test_rows_and_columns_of_a_run_are_chosen_while_it_goes_on_and_after(folder: RunFolder) -> None:
    parts = [folder.write("accesses", [accesses(10)]), folder.write("accesses", [accesses(10, first=10)])]

    def chosen() -> list[dict[str, Any]]:
        found = read_table(folder.path, "accesses", ["key", "nbytes"], Where(since="-3s", event="hit"))
        return [dict(row) for row in found.to_pylist()]

    expected = [{"key": "key-6", "nbytes": 600}, {"key": "key-7", "nbytes": 700}, {"key": "key-9", "nbytes": 900}]
    assert chosen() == expected
    folder.finish({**NOTHING, "accesses": parts}, status="finished")
    assert chosen() == expected


def test_a_run_is_finished_from_tables_and_files_in_their_order(folder: RunFolder) -> None:
    part = folder.write("accesses", [accesses(10)])
    files = folder.finish({**NOTHING, "accesses": [part, accesses(10, first=10)]}, status="finished")
    assert read_table(folder.path, "accesses").to_pylist() == accesses(20).to_pylist()
    assert set(files) == set(FRAMES)
    assert {path.name for path in folder.path.iterdir()} == {
        ".lock",
        "run.json",
        *(f"{frame}.parquet" for frame in FRAMES),
    }


def test_a_finished_run_is_written_with_no_more_than_a_row_group_in_memory(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [folder.write("accesses", [accesses(10, first=10 * number)]) for number in range(5)]
    seen: list[str] = []
    monkeypatch.setattr("perflab.record.parquet.ROW_GROUP", 10)
    read_group, write_table = pq.ParquetFile.read_row_group, pq.ParquetWriter.write_table

    def read(opened: pq.ParquetFile, group: int) -> pa.Table:
        seen.append("read")
        return read_group(opened, group)

    def write(writer: pq.ParquetWriter, rows: pa.Table, **named: Any) -> None:
        seen.append(f"write {rows.num_rows}")
        write_table(writer, rows, **named)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", read)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", write)
    folder.finish({**NOTHING, "accesses": parts}, status="finished")
    assert seen == ["read", "write 10"] * 5


def test_a_part_that_another_replaces_is_not_read(folder: RunFolder) -> None:
    old = [folder.write("accesses", [accesses(5)]), folder.write("accesses", [accesses(5, first=5)])]
    new = folder.write("accesses", [accesses(10)], replaces=old)
    assert read_table(folder.path, "accesses").to_pylist() == accesses(10).to_pylist()
    assert size_of(folder.path, "accesses") == (10, new.stat().st_size)


def test_rows_and_bytes_on_disk_are_known_without_reading(folder: RunFolder) -> None:
    part = folder.write("accesses", [accesses(10)])
    assert size_of(folder.path, "accesses") == (10, part.stat().st_size)
    assert size_of(folder.path, "chunks") == (0, 0)
    part.write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"The frame 'accesses' of the run .* cannot be read"):
        size_of(folder.path, "accesses")


def test_a_run_that_ends_while_its_parts_are_listed_loses_no_row(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = folder.write("accesses", [accesses(10)])
    glob = Path.glob

    def finished_meanwhile(path: Path, pattern: str) -> list[Path]:
        found = list(glob(path, pattern))
        if part.exists():
            folder.finish({**NOTHING, "accesses": [part]}, status="finished")
        return found

    monkeypatch.setattr(Path, "glob", finished_meanwhile)
    assert read_table(folder.path, "accesses").num_rows == 10


def test_parts_that_are_replaced_while_they_are_read_are_looked_for_again(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = folder.write("accesses", [accesses(10)])
    facts = store._facts

    def replaced_meanwhile(file: Path) -> Any:
        if file == old and old.exists():
            folder.write("accesses", [accesses(10)], replaces=[old])
            old.unlink()
        return facts(file)

    monkeypatch.setattr(store, "_facts", replaced_meanwhile)
    assert read_table(folder.path, "accesses").to_pylist() == accesses(10).to_pylist()


def test_wrong_names_are_no_damage(folder: RunFolder) -> None:
    with pytest.raises(ConfigError, match="frame is 'acesses'"):
        read_table(folder.path, "acesses")
    with pytest.raises(ConfigError, match="columns has 'colour'"):
        read_table(folder.path, "accesses", ["colour"])


@pytest.mark.parametrize("content", [b"", b"PAR1 broken", b"PAR1" * 20], ids=["empty", "short", "no footer"])
def test_a_damaged_part_is_named_with_its_frame(folder: RunFolder, content: bytes) -> None:
    folder.write("accesses", [accesses(1)]).write_bytes(content)
    with pytest.raises(
        RunError, match=r"The frame 'accesses' of the run .* cannot be read: .*[^.]; move its file away"
    ):
        read_table(folder.path, "accesses")


def test_a_folder_in_the_place_of_a_part_is_damage_too(folder: RunFolder) -> None:
    (folder.path / "parts" / "accesses-000000.parquet").mkdir()
    with pytest.raises(RunError, match="The frame 'accesses'"):
        read_table(folder.path, "accesses")


def test_foreign_columns_of_a_wrong_type_are_damage_too(folder: RunFolder) -> None:
    pq.write_table(pa.table({"nbytes": ["many"]}), folder.path / "accesses.parquet")
    with pytest.raises(RunError, match="The frame 'accesses'"):
        read_table(folder.path, "accesses")


def test_other_frames_are_read_beside_a_damaged_one(folder: RunFolder) -> None:
    folder.write("events", [table("events", {"name": "x", "payload": "{}"})])
    folder.write("accesses", [accesses(1)]).write_bytes(b"")
    assert read_table(folder.path, "events")["name"].to_pylist() == ["x"]
    assert (
        json.loads((folder.path / "run.json").read_text())["status"] == read_info(folder.path)["status"] == "unfinished"
    )
