"""`perflab export`: a run for other programs.

In: a run folder, and what to write. Out: files, or text on the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from perflab.cli.console import out
from perflab.cli.status import last_run
from perflab.config import Config
from perflab.errors import ConfigError, RunError
from perflab.system import open_run

__all__ = ["run"]


def run(
    folder: Path | None,
    prometheus: bool,
    asked: Mapping[str, Path | None],
    config_file: Path | None,
    runs: Path | None,
) -> int:
    """Write what was asked for; text for Prometheus goes to standard output."""
    wanted = {kind: path for kind, path in asked.items() if path is not None}
    if not prometheus and not wanted:
        raise ConfigError("nothing is to be written; say what, as in: perflab export --prometheus")
    found = open_run(folder or _last(runs or Config.load(config_file).record.runs_dir))
    for kind, path in wanted.items():
        out.print(f"{kind}: {found.export(kind, path)}", soft_wrap=True, highlight=False, markup=False)
    if prometheus:
        from perflab.present.prometheus import exposition

        sys.stdout.write(exposition(found.report_data()))
    return 0


def _last(runs: Path) -> Path:
    last = last_run(runs)
    if last is None:
        raise RunError(f"There is no run in {str(runs)!r}; name a run folder, or make one with: perflab benchmark.")
    return last[0]
