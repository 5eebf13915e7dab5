"""`perflab status`: what the last run found, what is running, what the disk tier holds.

In: the folder of runs. Out: facts from run folders alone, and a code that a health check can go by.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perflab.cache.disk.survey import Survey, survey
from perflab.cli.answer import Answer
from perflab.cli.cache import kept_folder
from perflab.cli.codes import Exit
from perflab.config import Config
from perflab.errors import PerflabError, RunError
from perflab.present.escape import visible
from perflab.record.store import is_run, is_written, read_info, read_table
from perflab.units import format_bytes, format_seconds

__all__ = ["StoredRun", "last_folder", "run", "stored_runs"]

_FAILED = frozenset({"failed", "died"})


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run folder as `run.json` and its lock tell of it.

    Attributes
    ----------
    status : str
        `finished`, `cancelled`, `failed`; `running` while its program lives, `died` if that ended without closing it.
    idle_s : float
        Seconds since something was written to the folder.
    """

    folder: Path
    run_id: str
    label: str
    status: str
    started: str
    idle_s: float
    error: str = ""


def run(config_file: Path | None, runs: Path | None, fresh_s: float | None = None) -> Answer:
    """Tell of the last run, of those that are running, and of the disk tier.

    The code is 1 if the last run failed or died, or with `fresh_s` if no running one has written for so many seconds.
    """
    config = Config.load(config_file)
    folder = runs or config.record.runs_dir
    passed_over: list[str] = []
    found = stored_runs(folder, passed_over)
    last = max(found, key=lambda stored: stored.started, default=None)
    running = [stored for stored in found if stored.status == "running"]
    cache = _disk_tier(kept_folder(config, folder))
    problems = list(_problems(last, running, fresh_s))
    told = None if last is None else {**asdict(last), "targets": _verdicts(last.folder), "report": _report(last.folder)}
    data = {
        "runs": folder,
        "last": told,
        "running": [asdict(stored) for stored in running],
        "cache": asdict(cache),
        "passed_over": passed_over,
        "healthy": not problems,
    }
    about = (
        [f"No run in {visible(folder)} yet; make one with: perflab benchmark --quick"] if told is None else _about(told)
    )
    lines = [*(f"passed over: {reason}" for reason in passed_over), *about, *_jobs(running), _held(cache), *problems]
    return Answer(data, lines, Exit.FAILED if problems else Exit.DONE)


def last_folder(runs: Path) -> Path:
    """Return the folder of the run that was started last.

    Raises
    ------
    RunError
        If there is none.
    """
    last = max(stored_runs(runs, []), key=lambda stored: stored.started, default=None)
    if last is None:
        raise RunError(
            f"There is no run in {str(runs)!r}; name a run folder, or make one with: perflab benchmark --quick."
        )
    return last.folder


def stored_runs(folder: Path, passed_over: list[str]) -> list[StoredRun]:
    """Return the runs of a folder; why one cannot be read is added to `passed_over`."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if is_run(path):
            try:
                found.append(_stored(path, read_info(path)))
            except RunError as error:
                passed_over.append(visible(error))
    return found


def _stored(path: Path, info: dict[str, Any]) -> StoredRun:
    status = str(info.get("status"))
    if status == "unfinished":
        status = "running" if is_written(path) else "died"
    run_id, label, error = (visible(info.get(name) or "") for name in ("run_id", "label", "error"))
    return StoredRun(path, run_id, label, status, str(info.get("started", "")), _idle_s(path), error)


def _idle_s(path: Path) -> float:
    written = [path, *path.glob("*"), *path.glob("parts/*")]
    return max(0.0, time.time() - max((file.lstat().st_mtime for file in written if file.exists()), default=0.0))


def _verdicts(folder: Path) -> dict[str, int]:
    counts = Counter(str(verdict) for verdict in read_table(folder, "targets")["verdict"].to_pylist())
    return dict(sorted(counts.items()))


def _disk_tier(folder: Path) -> Survey:
    try:
        return survey(folder)
    except PerflabError as error:  # a folder that is not safe to trust is told of, and is no matter of the runs
        return Survey(folder, problem=visible(error))


def _problems(last: StoredRun | None, running: Sequence[StoredRun], fresh_s: float | None) -> Iterator[str]:
    if last is not None and last.status in _FAILED:
        yield f"The last run {last.status}."
    if fresh_s is not None and not any(stored.idle_s <= fresh_s for stored in running):
        yield f"No running run has written anything for {fresh_s:g} s."


def _report(folder: Path) -> Path | None:
    path = folder / "report.html"
    return path if path.is_file() else None


def _about(last: Mapping[str, Any]) -> list[str]:
    counts = ", ".join(f"{count} {verdict}" for verdict, count in last["targets"].items())
    folder = visible(last["folder"])
    report = visible(last["report"]) if last["report"] else f"none; write one with: perflab report {folder}"
    told = {
        "run": last["run_id"],
        "label": last["label"] or "none",
        "status": last["status"],
        **({"error": last["error"]} if last["error"] else {}),
        "started": last["started"],
        "targets": counts or "not judged",
        "folder": folder,
        "report": report,
    }
    return [f"{name:<8} {value}" for name, value in told.items()]


def _jobs(running: Sequence[StoredRun]) -> Iterator[str]:
    yield f"{'running':<8} {len(running)}"
    for stored in running:
        wrote = format_seconds(stored.idle_s)
        name = stored.label or stored.run_id
        yield f"{'':<8} {name}, started {stored.started}, wrote {wrote} ago: {visible(stored.folder)}"


def _held(cache: Survey) -> str:
    held = f"{cache.entries:,} entries, {format_bytes(cache.nbytes)}; l1 and l2 live in each program's memory"
    return f"{'cache':<8} {visible(cache.folder)}: {cache.problem or held}"
