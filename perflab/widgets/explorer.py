"""Stored runs: side by side, down to single rows, and out into files.

In: a folder of runs. Out: a panel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.config import Config
from perflab.errors import ConfigError, RunError
from perflab.present import escape
from perflab.record.frames import columns
from perflab.record.store import is_run
from perflab.system.comparison import compare
from perflab.system.run import Run, open_run
from perflab.widgets.controls import Controls
from perflab.widgets.exporting import FORMATS, export_run
from perflab.widgets.filters import NO_PLOT, among, schemas, selected, unused
from perflab.widgets.listing import Listing
from perflab.widgets.panel import Panel, button, figure, markup, row
from perflab.widgets.redraw import Latest
from perflab.widgets.rows import newest, newest_part, shown_rows
from perflab.widgets.stored import metric_table, run_folders, runs_table, settings_table
from perflab.widgets.why import Miss, explained_miss

if TYPE_CHECKING:
    from perflab.system import PerformanceSystem

__all__ = ["Explorer"]

_CHANGED = "The table has changed meanwhile; pick a row of the one that is shown."


class Explorer(Panel):
    """A table of runs; one of them in detail, or two side by side.

    Parameters
    ----------
    runs_dir
        Folder of run folders, a run folder, or a run or system to look into; by default the folder of the config.

    Raises
    ------
    RunError
        If there is no such folder.

    Attributes
    ----------
    selected : list of str
        Folders of the runs A and B.
    missed : dict
        The `Miss` of each shown row of one, by what the row picks.
    """

    def __init__(self, runs_dir: str | Path | Run | PerformanceSystem | None = None) -> None:
        super().__init__("Explorer", "explorer")
        self._one = _as_run(runs_dir)
        self._runs_dir = Path(Config().record.runs_dir if runs_dir is None else str(runs_dir))
        self.selected: list[str] = []
        self._folders: list[Path] = []
        self.runs = Listing.of(self.pick, self)
        self.rows = Listing.of(self.explain, self)
        self._controls = Controls(schemas(), self._drill, self)
        self.form = self._controls.form
        self._exports = Controls(_export_schemas(), lambda: None, self)
        self.export_form = self._exports.form
        self._compared, self._plot, self._why = markup(""), markup(""), markup("")
        self.missed: dict[str, Miss] = {}
        self._drawn: tuple[Any, ...] | None = None
        self._latest = Latest(self.guarded(self._draw))
        self._writing = Latest(self.guarded(self._write))
        self._explaining = Latest(self.guarded(self._explain))
        self._about = markup("")
        self.export_buttons = [
            button(kind, partial(self._want, kind), self, hint=f"Write run A as {kind}") for kind in FORMATS
        ]
        head = [] if self._one else [self.runs, row([button("Look again", self.refresh, self)])]
        self.form.add_class("perflab-across")
        frames = (self.form, self._plot, self._why, self.rows)
        self.fill(*head, self._compared, self._about, *frames, self.export_form, row(self.export_buttons))
        if self._one is None:
            self.refresh()
        self._drill()

    @property
    def shown(self) -> str:
        """The HTML of what is inside the chosen runs."""
        parts = (self._compared, self._about, self._plot, self._why)
        return f"{''.join(part.value for part in parts)}{self.rows.html}"

    def settle(self, timeout_s: float) -> bool:
        """Wait until rows and plot are those of the controls, and what was asked for is explained and written."""
        return all(behind.wait(timeout_s) for behind in (self._writing, self._latest, self._explaining))

    def refresh(self) -> None:
        """List the runs that there are now, and let go of chosen ones that are gone."""
        gone = self._let_go()
        if gone:
            self._look_into(gone)
        else:
            self._list()
            self._stand()

    def pick(self, folder: str) -> None:
        """Choose a run as A, then one as B; choosing one again lets go of it."""
        if folder not in self.selected and not is_run(Path(folder)):
            raise RunError(f"{folder!r} holds no run; press Look again, and pick one that is listed.")
        gone = self._let_go()
        if folder in self.selected:
            self.selected = [one for one in self.selected if one != folder]
        elif folder not in gone:
            self.selected = [*self.selected[:1], folder]
        self._look_into(gone)

    def explain(self, picked: str) -> None:
        """Say why an access missed, by what its row picks."""
        if picked not in self.missed:
            raise RunError(_CHANGED)
        self.say("Looking why.")
        self._explaining.want(self.missed[picked])

    def _explain(self, miss: Miss) -> None:
        said = explained_miss(miss)
        if miss.name not in self.missed:
            self.say(_CHANGED)
            return
        self._why.value = f'<p role="status"><b>Why?</b> {escape.html(said)}</p>'
        self.say(said)

    def _let_go(self) -> list[str]:
        """Return the chosen runs that are gone, chosen no longer."""
        gone = [folder for folder in self.selected if not is_run(Path(folder))]
        self.selected = [folder for folder in self.selected if folder not in gone]
        return gone

    def _look_into(self, gone: list[str]) -> None:
        self._list()
        self._compare()
        self._stand(gone)
        self._drill()

    def _list(self) -> None:
        self._folders = run_folders(self._runs_dir)
        table = runs_table(self._folders, selected=self.selected)
        self.runs.html = table.html() if self._folders else _said("No run yet.")
        self.runs.marked = self.selected

    def _stand(self, gone: Sequence[str] = ()) -> None:
        lost = "".join(f"Run {Path(folder).name} is gone. " for folder in gone)
        self.say(f"{lost}{_standing(self.selected, len(self._folders))}")

    def export(self, kind: str) -> Path:
        """Write run A in a format of `exporting.FORMATS`."""
        run = self._run()
        if run is None:
            raise ConfigError("No run is chosen; pick one in the table first.")
        written = export_run(run, kind, str(self._exports.values["place"]))
        self.say(f"{kind} written to {written}.")
        return written

    def _want(self, kind: str) -> None:
        self._may_export(False)
        self.say(f"Writing {kind}.")
        self._writing.want(kind)

    def _write(self, kind: str) -> None:
        try:
            self.export(kind)
        finally:
            self._may_export(True)

    def _may_export(self, may: bool) -> None:
        for each in self.export_buttons:
            each.disabled = not may

    def _run(self) -> Run | None:
        if self._one is not None:
            return _as_run(self._one)
        return open_run(self.selected[0]) if self.selected else None

    def _compare(self) -> None:
        if len(self.selected) < 2:
            self._compared.value = ""
            return
        parts = [newest_part(open_run(folder)) for folder in self.selected]
        compared = compare(*(run for run, _ in parts))
        left, right = settings_table(compared), metric_table(compared)
        none = _said("Source, host and settings are the same: time alone lies between the runs.")
        notes = "".join(_said(f"Run {name}: {said}") for name, (_, said) in zip("AB", parts, strict=True) if said)
        self._compared.value = (
            f'<div class="charts"><div>{left.html() if left else none}</div><div>{right.html()}</div></div>{notes}'
        )

    def _drill(self) -> None:
        self.form.unused = unused(self._controls.values["frame"])
        self._latest.want(dict(self._controls.values))

    def _draw(self, values: Mapping[str, Any]) -> None:
        run = self._run()
        if run is None:
            self._about.value = self.rows.html = self._plot.value = self._why.value = ""
            self.missed, self._drawn = {}, None
            return
        self._about.value = f"<h4>Inside {'the run' if self._one else 'run A'}: {escape.html(_named(run))}</h4>"
        self._draw_rows(run, str(values["frame"]), values)
        self._draw_plot(run, str(values["plot"]))

    def _draw_rows(self, run: Run, frame: str, values: Mapping[str, Any]) -> None:
        wanted = partial(among, frame, values)
        shown, note = newest(run.frames, frame, _columns(frame), selected(frame, values), wanted)
        missed: dict[str, Miss] = {}
        table = shown_rows(frame, shown, f"Newest rows of {frame}", note, partial(_pick, run, missed))
        self.missed = missed
        self.rows.html = table.html() if table else _said(f"No row of {frame} passes the filters.")
        self._why.value = _said("Pick a key in a row of a miss to be told why it missed.") if missed else ""

    def _draw_plot(self, run: Run, plot: str) -> None:
        # One of a run that is over stays as it is, whatever rows are filtered below it.
        wanted = (run.info.get("run_id"), run.status, plot)
        if wanted != self._drawn or run.status == "running":
            self._plot.value = _plotted(run, plot)
        self._drawn = wanted


def _plotted(run: Run, plot: str) -> str:
    if plot == NO_PLOT:
        return ""
    part, left_out = newest_part(run)
    return figure(part.plot(plot).svg()) + (_said(left_out) if left_out else "")


def _as_run(source: Any) -> Run | None:
    if isinstance(source, Run):
        return source
    return source.run if hasattr(source, "run") and hasattr(source, "cache") else None


def _named(run: Run) -> str:
    return " ".join(str(run.info[name]) for name in ("label", "run_id", "status") if run.info.get(name))


def _columns(frame: str) -> list[str]:
    names = [column.name for column in columns(frame) if column.name != "run_id"]
    first = [name for name in ("key", "t", "name") if name in names] if frame == "accesses" else []
    return [*first, *(name for name in names if name not in first)]


def _pick(run: Run, missed: dict[str, Miss], _place: int, row: Mapping[str, Any]) -> str:
    """Return what a row of a miss picks, and keep it under that name."""
    if row.get("event") != "miss" or row.get("key") is None or row.get("t") is None:
        return ""
    miss = Miss(run, str(row["key"]), row["t"])
    missed[miss.name] = miss
    return miss.name


def _standing(chosen: list[str], there: int) -> str:
    if not chosen:
        return f"{there} runs. Pick one to look into it, and a second one to hold it against."
    if len(chosen) == 1:
        return f"Run A is {Path(chosen[0]).name}. Pick another one to hold it against."
    return "Run B is held against run A."


def _said(text: str) -> str:
    return f'<p class="note">{escape.html(text)}</p>'


def _export_schemas() -> dict[str, dict[str, Any]]:
    about = "path without its ending, for the buttons below; CSV and Parquet are folders"
    return {"place": {"type": "string", "default": "perflab-report", "title": "export to", "description": about}}
