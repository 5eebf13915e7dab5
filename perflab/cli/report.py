"""`perflab report`: the report of a run folder, or its result in a document.

In: a run folder. Out: a file.
"""

from __future__ import annotations

from pathlib import Path

from perflab.cli.answer import Answer
from perflab.cli.output import writable
from perflab.errors import RunError
from perflab.record.store import write_atomically
from perflab.system import open_run

__all__ = ["fill", "run"]


def run(folder: Path, output: Path | None, *, force: bool) -> Answer:
    """Write the report of a run, also a cancelled or crashed one; that in the run folder is always written anew."""
    found = open_run(folder)
    path = found.report(folder / "report.html" if output is None else writable(output, force=force))
    return Answer({"run": folder, "status": found.status, "written": path}, [f"report: {path}"])


def fill(folder: Path, document: Path) -> Answer:
    """Put the run's result between the marks of a Markdown document."""
    from perflab.present.result_table import filled, result_table

    found = open_run(folder)
    text = result_table(found.metrics(), found.targets(), found.info)
    try:
        write_atomically(document, filled(document.read_text("utf-8"), text), mode=0o644)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(f"The document {str(document)!r} cannot be filled: {reason}; name a Markdown file.") from error
    return Answer({"run": folder, "status": found.status, "written": document}, [f"filled: {document}"])
