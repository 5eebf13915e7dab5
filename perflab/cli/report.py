"""`perflab report RUN`: the report of a run folder.

In: a run folder, also of a cancelled or crashed run. Out: a file.
"""

from __future__ import annotations

from pathlib import Path

from perflab.cli.console import out
from perflab.system.run import open_run

__all__ = ["run"]


def run(folder: Path, output: Path | None) -> int:
    """Write the report and print where it is."""
    path = open_run(folder).report(output or folder / "report.html")
    out.print(f"report: {path}", soft_wrap=True, highlight=False)
    return 0
