"""Benchmarks by hand: begun, watched and cancelled, while the kernel stays free.

In: workloads, functions of a notebook, a folder of runs. Out: a panel, and run folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.config import Config
from perflab.errors import BenchmarkError, RunError
from perflab.present import escape
from perflab.system.detached import Detached, Progress, last_begun, start
from perflab.system.measure import new_run_dir
from perflab.system.run import open_run
from perflab.units import format_seconds
from perflab.widgets.controls import Controls
from perflab.widgets.following import Following
from perflab.widgets.panel import Panel, button, figure, markup, row
from perflab.workloads.reads import READ_WORKLOADS
from perflab.workloads.staging import STATES, WORKLOADS

if TYPE_CHECKING:
    from perflab.system import PerformanceSystem, Run

__all__ = ["Benchmarks"]

_LOOK_S = 0.2
_OWN = "two functions of my own"
_QUICK = "quick: a small source, two pairs"
_FULL = "full"
_OF_SOURCES = ("scale", "states")
_OF_READS = ("scale",)
_OF_FUNCTIONS = ("baseline", "optimized", "state", "memory")


class Benchmarks(Panel):
    """Starts benchmarks in worker processes and shows their samples as they come.

    A benchmark goes on when the page is loaded again, and when the kernel restarts: a new panel finds the last one by
    its run folder. What was measured before a cancel is kept, labelled `cancelled`.

    Parameters
    ----------
    functions
        Functions of the user's own that can be compared, by name or as they are.
    system
        Whose config is used; by default `config`, and without that the defaults.
    config
        Settings of the optimized arms and of the measurement.
    runs_dir
        Folder of run folders; by default that of the config.
    source
        Source tree of the built-in workloads; by default the standard library.

    Raises
    ------
    BenchmarkError
        If something among the functions cannot be called.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[[], Any]] | Iterable[Callable[[], Any]] = (),
        *,
        system: PerformanceSystem | None = None,
        config: Config | None = None,
        runs_dir: str | Path | None = None,
        source: str | Path | None = None,
    ) -> None:
        super().__init__("Benchmarks", "benchmarks")
        self._functions = _by_name(functions)
        self._config = (config or Config()) if system is None else system.config
        self._runs_dir = Path(runs_dir or self._config.record.runs_dir)
        self._source = source
        self.background: Detached | None = None
        self._seen = (-1, "")
        self._controls = Controls(_schemas(list(self._functions), self._config), self._show_used, self)
        self.form = self._controls.form
        self._show_used()
        self.run_button = button("Run", self.run, self, is_main=True)
        self.cancel_button = button("Cancel", self.cancel, self, hint="End it; what was measured is kept")
        self._bar, self._chart, self._table = markup(""), markup(""), markup("")
        self._following = Following(self.guarded(self._look), lambda: _LOOK_S)
        beside = row([self._bar, self._chart], "beside")
        actions = row([self.run_button, self.cancel_button])
        # The verdict is the last column of the table, which needs the whole width.
        self.fill(row([row([self.form, actions], "beside"), beside], "columns"), self._table)
        self._turn(is_running=False)
        self.guarded(self._attach)()

    @property
    def shown(self) -> str:
        """The HTML of progress, samples and results."""
        return f"{self._bar.value}{self._chart.value}{self._table.value}"

    def run(self) -> None:
        """Begin what the controls say, and return at once."""
        if self.background is not None and not self.background.progress().is_over:
            raise BenchmarkError("A benchmark is running in this panel already; cancel it, or wait for its end.")
        begun = start(new_run_dir(self._runs_dir, "panel"), self._options())
        self._follow(begun, f"Started; the run is kept in {begun.folder}.")

    def cancel(self) -> None:
        """End the benchmark; what was measured is kept."""
        if self.background is None or self.background.progress().is_over:
            self.say("Nothing is running.")
            return
        self.cancel_button.disabled = True
        self.say("Cancelling: what was measured is kept.")
        self.background.cancel()

    def close(self) -> None:
        """Take the panel off the page; a benchmark that runs goes on."""
        self._following.stop()
        super().close()

    def wait(self, timeout_s: float) -> Progress:
        """Wait until the benchmark is over and shown, and return how it ended."""
        if self.background is None:
            raise BenchmarkError("Nothing was begun in this panel; press Run.")
        found = self.background.wait(timeout_s)
        self._following.join(timeout_s)
        return found

    def _show_used(self) -> None:
        """Hide what the chosen workload does not ask for."""
        workload = self._controls.values["workload"]
        kinds = ((WORKLOADS, _OF_SOURCES), (READ_WORKLOADS, _OF_READS), ((_OWN,), _OF_FUNCTIONS))
        used = next(names for known, names in kinds if workload in known)
        self.form.unused = [name for name in self._controls.values if name not in ("workload", "pairs", *used)]

    def _attach(self) -> None:
        found = last_begun(self._runs_dir)
        if found is not None:
            self._follow(found, f"Attached to the benchmark in {found.folder}.")

    def _follow(self, background: Detached, said: str) -> None:
        self.background, self._seen = background, (-1, "")
        self._table.value = self._chart.value = ""
        self._turn(is_running=True)
        self.say(said)
        self._following.start()

    def _turn(self, *, is_running: bool) -> None:
        self.run_button.disabled, self.cancel_button.disabled = is_running, not is_running

    def _look(self) -> bool:
        assert self.background is not None, "the looking begins with a benchmark"
        found = self.background.progress()
        run = _opened(self.background.folder)
        taken = 0 if run is None else len(run.frames.select("samples", ["pair"]))
        if run is not None and (taken, found.status) != self._seen:
            self._show(run, found)
            self._seen = (taken, found.status)
        self._bar.value = _bar(found, taken)
        if found.is_over:
            self.say(self._ended(found, taken), is_wrong=found.status in ("failed", "unfinished"))
            self._turn(is_running=False)
        return not found.is_over

    def _show(self, run: Run, found: Progress) -> None:
        from perflab.present.benchmark_tables import improvements
        from perflab.present.samples_chart import samples_chart

        samples = run.frames.samples
        self._chart.value = figure(samples_chart(samples, found.total))
        label = "" if found.status == "finished" else f'<p class="unsure"><b>Partial</b>: {_so_far(found)}</p>'
        table = improvements(samples)
        self._table.value = label + (table.html() if table else "") if len(samples) else ""

    def _ended(self, found: Progress, taken: int) -> str:
        kept = f"{taken} sample{'s are' if taken != 1 else ' is'} kept in {self._folder()}"
        said = {
            "finished": f"Finished: {kept}.",
            "cancelled": f"Cancelled: {kept}; every figure is of what was measured until then.",
            "failed": f"Failed: {found.what.rstrip('.')}. {kept[:1].upper()}{kept[1:]}.",
        }
        return said.get(found.status, f"The worker ended without a word: {kept}.")

    def _folder(self) -> str:
        return "" if self.background is None else str(self.background.folder)

    def _options(self) -> dict[str, Any]:
        values = self._controls.values
        options: dict[str, Any] = {"config": self._config, "pairs": values["pairs"]}
        if values["workload"] != _OWN:
            is_quick = values["scale"] == _QUICK
            chosen = {"quick": is_quick, "states": values["states"], "source": self._source}
            return {**options, "workload": values["workload"], **chosen}
        sides = [self._side(str(values[side])) for side in ("baseline", "optimized")]
        state = "cold" if values["state"] == "cold" else "any"
        return {**options, "workload": sides[0], "optimized": sides[1], "state": state, "memory": values["memory"]}

    def _side(self, name: str) -> Callable[[], Any] | str:
        if name in self._functions:
            return self._functions[name]
        if ":" not in name:
            raise BenchmarkError(f"{name!r} is no function of this panel; choose one, or write module:function.")
        return name


def _by_name(functions: Mapping[str, Callable[[], Any]] | Iterable[Callable[[], Any]]) -> dict[str, Callable[[], Any]]:
    if isinstance(functions, Mapping):
        return dict(functions)
    if not isinstance(functions, Iterable) or not all(map(callable, functions := list(functions))):
        raise BenchmarkError(
            f"A panel of benchmarks was given {functions!r}; give it functions: Benchmarks([one, two])."
        )
    return {getattr(function, "__name__", repr(function)): function for function in functions}


def _schemas(own: list[str], config: Config) -> Mapping[str, Mapping[str, Any]]:
    workloads = [*WORKLOADS, *READ_WORKLOADS, _OWN]
    side: dict[str, Any] = {"enum": own} if len(own) > 1 else {"type": "string"}
    pairs = {"type": "integer", "minimum": 1, "maximum": 200}
    unset = f"unset: {config.benchmark.pairs} for workloads, 48 to 96 for functions"
    return {
        "workload": {
            "enum": workloads,
            "default": _OWN if len(own) > 1 else workloads[0],
            "description": "what is measured",
        },
        "scale": {
            "enum": [_QUICK, _FULL],
            "default": _QUICK,
            "description": "how much of a source is read, and how many pairs by default",
        },
        "states": {
            "type": "array",
            "items": {"enum": list(STATES)},
            "default": list(STATES),
            "description": "with nothing kept, with all kept, and after one edit",
        },
        "baseline": {**side, "default": own[0] if own else "", "description": "own function, or module:function"},
        "optimized": {**side, "default": own[-1] if own else "", "description": "what is held against the baseline"},
        "state": {
            "enum": ["any", "cold"],
            "default": "any",
            "description": "taking turns in one process, or each in a fresh one",
        },
        "pairs": {
            "anyOf": [pairs, {"type": "null"}],
            "default": None,
            "description": f"interleaved pairs of samples; {unset}",
        },
        "memory": {"type": "boolean", "default": False, "description": "their peak memory too"},
    }


def _opened(folder: Path) -> Run | None:
    try:
        return open_run(folder)
    except RunError:
        return None  # the worker is only starting


def _bar(found: Progress, taken: int) -> str:
    if found.is_over:
        return f"<p><b>{escape.html(found.status)}</b>, {taken} samples</p>"
    if not found.total:
        return f"<p><b>{escape.html(found.status)}</b> {escape.html(found.what)}</p>"
    left = "" if found.remaining_s is None else f", {format_seconds(found.remaining_s)} left"
    value = f'<progress max="{found.total}" value="{found.done}" aria-label="samples taken"></progress>'
    return f"<p>{value} {found.done} of {found.total} samples{left}<br>{escape.html(found.what)}</p>"


def _so_far(found: Progress) -> str:
    if not found.is_over:
        return "the benchmark is going on."
    return f"{escape.html(found.status)} after {found.done} of {found.total} samples."
