from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import present_frames as made
import pytest
from test_report import hostile

from perflab.errors import RunError
from perflab.present import workbook
from perflab.present.workbook import write_workbook
from perflab.record.frames import FRAMES


def test_every_frame_is_a_sheet_with_its_values(tmp_path: Path) -> None:
    data = made.typical()
    path = write_workbook(tmp_path / "run.xlsx", data)
    sheets = pd.read_excel(path, sheet_name=None)
    assert set(sheets) == {*FRAMES, "metrics"}
    read = sheets["operations"]
    assert len(read) == len(data.tables["operations"])
    assert read["duration_s"].tolist() == pytest.approx(data.tables["operations"]["duration_s"].tolist())
    assert read["t"].tolist() == data.tables["operations"]["t"].dt.tz_localize(None).tolist()


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(write_workbook(tmp_path / "run.xlsx", hostile()))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any(isinstance(cell.value, str) and "HYPERLINK" in cell.value for cell in cells)
    assert not [cell for cell in cells if cell.data_type == "f"]


def test_of_a_frame_that_is_too_long_the_first_rows_are_written_and_the_sheet_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 30)
    sheets = pd.read_excel(write_workbook(tmp_path / "run.xlsx", made.typical()), sheet_name=None)
    assert len(sheets["operations (first rows)"]) == 30
    assert "targets" in sheets


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="it is a folder"):
        write_workbook(tmp_path, made.typical())
