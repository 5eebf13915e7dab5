"""A run as a workbook for spreadsheets: a sheet a frame.

In: `ReportData`. Out: one .xlsx file; text that a spreadsheet would take for a formula is text in it.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import ConfigError
from perflab.present import escape
from perflab.present.export import inert
from perflab.present.page import save

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present.report import ReportData

__all__ = ["MOST_ROWS", "write_workbook"]

MOST_ROWS = 1_048_575
"""What a sheet holds under its heads; of a longer frame the first rows are written, and the sheet's name says so."""


def write_workbook(path: str | Path, data: ReportData) -> Path:
    """Write one sheet a frame, and one of the metrics; times are UTC without a zone, as spreadsheets have them.

    Raises
    ------
    ConfigError
        If the package openpyxl is not installed.
    RunError
        If the file cannot be written.
    """
    import pandas as pd

    try:
        import openpyxl  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ConfigError("openpyxl is not installed; install it with: pip install 'perflab[xlsx]'.") from error
    made = io.BytesIO()
    with pd.ExcelWriter(made, engine="openpyxl") as writer:
        for name, frame in {"metrics": data.metrics, **data.tables}.items():
            whole = len(frame) <= MOST_ROWS
            sheet = name if whole else f"{name} (first rows)"
            _plain(frame.head(MOST_ROWS)).to_excel(writer, sheet_name=sheet, index=False, freeze_panes=(1, 0))
    save(Path(path), made.getvalue())
    return Path(path)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    zoned = [name for name in frame if isinstance(frame[name].dtype, pd.DatetimeTZDtype)]
    return inert(frame, escape.csv_cell).assign(**{str(name): frame[name].dt.tz_localize(None) for name in zoned})
