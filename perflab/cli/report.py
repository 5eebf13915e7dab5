"""`perflab report`: the report of a run folder, or its result in a document.

In: a run folder. Out: a file.
"""

from __future__ import annotations

from pathlib import Path

from perflab.cli.console import out
from perflab.errors import RunError
from perflab.record.store import write_atomically
from perflab.system import open_run

__all__ = ["fill", "run"]


def run(folder: Path, output: Path | None) -> int:
    """Write the report of a run, cancelled and crashed ones included."""
    path = open_run(folder).report(output or folder / "report.html")
    out.print(f"report: {path}", soft_wrap=True, highlight=False)
    return 0


def fill(folder: Path, document: Path) -> int:
    """Put the run's result between the marks of a Markdown document."""
    from perflab.present.result_table import filled, result_table

    found = open_run(folder)
    text = result_table(found.metrics(), found.targets(), found.info)
    try:
        write_atomically(document, filled(document.read_text("utf-8"), text), mode=0o644)
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"The document {str(document)!r} cannot be filled: {error}; name a Markdown file.") from error
    out.print(f"filled: {document}", soft_wrap=True, highlight=False)
    return 0
