"""`perflab export`: a run for other programs.

In: a run folder, and what to write. Out: files, or text for Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from perflab.cli.answer import Answer
from perflab.cli.output import writable, writable_folder
from perflab.cli.status import last_folder
from perflab.config import Config
from perflab.errors import ConfigError
from perflab.present.escape import visible
from perflab.system import open_run

__all__ = ["run"]

_FOLDERS = frozenset({"csv", "parquet"})


def run(
    folder: Path | None,
    prometheus: bool,
    asked: Mapping[str, Path | None],
    config_file: Path | None,
    runs: Path | None,
    *,
    force: bool,
) -> Answer:
    """Write what was asked for; text for Prometheus is part of the answer."""
    wanted = {kind: path for kind, path in asked.items() if path is not None}
    if not prometheus and not wanted:
        raise ConfigError("nothing is to be written; say what, as in: perflab export --prometheus")
    for kind, path in wanted.items():
        (writable_folder if kind in _FOLDERS else writable)(path, force=force)
    chosen = folder or last_folder(runs or Config.load(config_file).record.runs_dir)
    found = open_run(chosen)
    written = {kind: found.export(kind, path) for kind, path in wanted.items()}
    text = None
    if prometheus:
        from perflab.present.prometheus import exposition

        text = exposition(found.report_data())
    lines = [f"{kind}: {visible(path)}" for kind, path in written.items()]
    data = {"run": chosen, "written": written, "prometheus": text}
    return Answer(data, [*lines, *([] if text is None else [text.rstrip()])])
