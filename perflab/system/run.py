"""A run as people read it: frames, metrics, targets, report.

In: a run folder, or the frames of a system that is still at work. Out: `Run`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import inert
from perflab.analyze import GUIDE_TARGETS, Target, config_targets
from perflab.analyze.targets import targets_for
from perflab.config import Config
from perflab.config.shown import public_settings
from perflab.errors import ConfigError, RunError
from perflab.record import Frames
from perflab.record.flight import RING
from perflab.record.flight_read import Flight, flight_frame, last_words, read_ring
from perflab.record.store import columns_of, is_written, read_info, read_table, size_of
from perflab.system.traces import curves_of

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present import Picture, ReportData

__all__ = ["Run", "check_report_path", "describe_run", "open_run"]

REPORT_FORMATS = (".html", ".md", ".json")
_LIVE = ("cache.", "cpu.", "memory.current", "memory.peak ", "memory.average", "concurrency.")


class Run:
    """What one run recorded.

    Attributes
    ----------
    info : mapping
        Facts of the run: `run_id`, `status`, `label`, `started`, `finished` (UTC), `config`, `host`, `versions`.
    frames : Frames
        Every recorded frame.
    """

    def __init__(self, info: Mapping[str, Any], frames: Frames, folder: Path | None = None) -> None:
        self.info = info
        self.frames = frames
        self._folder = folder

    @property
    def status(self) -> str:
        """Return `finished`, `cancelled`, `failed`, `running` or `unfinished`."""
        return str(self.info.get("status", "unfinished"))

    @property
    def config(self) -> Config:
        """The config that the run had; settings of another version count as their defaults."""
        try:
            return Config(**self.info.get("config", {}))
        except ConfigError:
            return Config()

    @property
    def flight(self) -> pd.DataFrame:
        """The last events before the program died: t (UTC), kind, text, operation_id, duration_s (s).

        A run that was closed has none: all that it recorded is in its frames. `attrs["problem"]` says why events are
        missing.
        """
        return flight_frame(self._last_events())

    @property
    def ending(self) -> str:
        """One sentence on how an `unfinished` run came to its end; empty for every other run."""
        if self._folder is None or self.status != "unfinished":
            return ""
        if self.info.get("given_up"):
            return f"The run folder could not be written any more: {self.info['given_up']}."
        from perflab.present.escape import visible

        return visible(last_words(self._last_events(), running=is_written(self._folder)))

    def metrics(self) -> pd.DataFrame:
        """Return every metric: name, value, low, high, unit, how, method, n; what was not measured says why."""
        from perflab.analyze import metrics

        seed, confidence = self.config.benchmark.seed, self.config.benchmark.confidence
        return metrics(self.frames, cores=self._cores(), confidence=confidence, seed=seed)

    def targets(self) -> pd.DataFrame:
        """Return the verdicts, as the frame `targets`: those that were recorded, else judged now.

        A run with benchmark samples is held against the guide's bounds on its workloads; one without, against those on
        caches and resources and those of its own config.
        """
        from perflab.analyze import judge

        recorded = self.frames.targets
        return recorded if len(recorded) else judge(self.metrics(), self._bounds())

    def newest(self, most: int) -> Run:
        """Return the run with about its newest `most` rows of each frame alone; see `Frames.newest`."""
        return Run(self.info, self.frames.newest(most), self._folder)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write a report and return its path; the suffix chooses the format: .html, .md or .json.

        Raises
        ------
        RunError
            If the suffix is none of them, or the file cannot be written.
        """
        from perflab.present import export, write

        target = check_report_path(path)
        writers = dict(zip(REPORT_FORMATS, (write, export.write_markdown, export.write_json), strict=True))
        return writers[target.suffix](target, self.report_data())

    def export(self, kind: str, path: str | os.PathLike[str]) -> Path:
        """Write the run for other programs and return the path.

        Parameters
        ----------
        kind
            html, markdown, json, xlsx; csv or parquet, a folder with a file a frame; prometheus, text for its
            collectors; events, JSON lines.
        path
            The file, or the folder, which is made if it is missing.

        Raises
        ------
        ConfigError
            If there is no such kind, or a package that it needs is not installed.
        RunError
            If the path cannot be written.
        """
        from perflab.present.formats import write_export

        return write_export(kind, Path(path), self.report_data())

    def plot(self, name: str = "targets") -> Picture:
        """Return a plot: one of `perflab.present.PICTURES`; notebooks show it.

        Raises
        ------
        ConfigError
            If there is no such plot.
        """
        from perflab.present import picture

        return picture(name, self.report_data())

    def __repr__(self) -> str:
        ending = f" {self.ending}" if self.ending else ""
        return f"<Run {self.info.get('run_id')} {self.status} {self.frames!r}{ending}>"

    def _repr_html_(self) -> str:
        known = self.frames.describe().drop_duplicates("frame")[["frame", "rows"]].itertuples(index=False)
        counts = "".join(f"<tr><th scope='row'>{frame}</th><td>{rows}</td></tr>" for frame, rows in known)
        head = inert.html(f"Run {self.info.get('run_id')}, {self.status}")
        ending = f"<p>{inert.html(self.ending)}</p>" if self.ending else ""
        return f"<table><caption>{head}</caption><tbody>{counts}</tbody></table>{ending}"

    def _last_events(self) -> Flight:
        return Flight() if self._folder is None else read_ring(self._folder / RING)

    def _bounds(self) -> tuple[Target, ...]:
        measured = self.frames.samples["workload"].dropna().unique()
        if len(measured):
            return targets_for(list(measured))
        own = tuple(target for target in GUIDE_TARGETS if target.expression.startswith(_LIVE))
        return own + config_targets(self.config)

    def _cores(self) -> int | None:
        cores = self.info.get("host", {}).get("usable_cores")
        return None if cores is None else max(1, int(cores))

    def report_data(self) -> ReportData:
        """Return what reports and exports are made of."""
        from perflab.present import ReportData

        info = {**self.info, "config_defaults": Config().model_dump(mode="json")}
        return ReportData(
            info, self.metrics(), self.targets(), dict(self.frames), partial(curves_of, self.frames, self.config)
        )


def open_run(path: str | os.PathLike[str]) -> Run:
    """Return the run of a folder, also of one that is still written or whose process died.

    Raises
    ------
    RunError
        If the folder holds no run, or one that a newer perflab wrote.
    """
    folder = Path(path)
    info = read_info(folder)
    return Run(
        info,
        Frames(
            partial(read_table, folder),
            by_column=partial(columns_of, folder),
            facts=partial(_facts, info),
            sizes=partial(size_of, folder),
        ),
        folder,
    )


def _facts(info: Mapping[str, Any], frame: str) -> dict[str, Any]:
    settings = (info.get("config") or {}).get("record") or {}
    return {"sample_ratio": settings.get("sample_ratio", 1.0)} if frame == "accesses" else {}


def check_report_path(path: str | os.PathLike[str], formats: Sequence[str] = REPORT_FORMATS) -> Path:
    """Return a path to which a report can be written.

    Raises
    ------
    RunError
        If its suffix names no format, or it is a folder.
    """
    target = Path(path)
    if target.suffix not in formats:
        raise RunError(f"{str(target)!r} ends in {target.suffix!r}; a report is one of {', '.join(formats)}.")
    if target.is_dir():
        raise RunError(f"{str(target)!r} is a folder; name a file in it for the report.")
    return target


def describe_run(config: Config, label: str | None = None) -> dict[str, Any]:
    """Return the facts that every run's `run.json` begins with."""
    from perflab.host import facts

    host = facts()
    versions = {"python": host["python"], **host.pop("packages")}  # type: ignore[dict-item]  # a mapping of texts
    return {
        "label": label,
        "config": public_settings(config),
        "host": host,
        "versions": versions,
        "seed": config.benchmark.seed,
    }
