"""Two stored runs held against each other.

In: run folders or runs. Out: `RunComparison`: what was set differently beside what came out differently.
"""

from __future__ import annotations

import itertools
import os
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import inert
from perflab.analyze.runs import changed_settings, compare_metrics, gate
from perflab.system.run import Run, check_report_path, open_run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunComparison", "compare", "report_on", "series_of"]

_HOST = ("cpu", "cores", "usable_cores", "ram_bytes", "machine", "kernel", "implementation")


@dataclass(frozen=True)
class RunComparison:
    """Run B against run A.

    Attributes
    ----------
    a, b : Run
        The runs.
    """

    a: Run
    b: Run

    def frame(self) -> pd.DataFrame:
        """Return a row a metric: both values with their intervals, the ratio B / A and the verdict."""
        return compare_metrics(self.a.metrics(), self.b.metrics())

    def differences(self) -> pd.DataFrame:
        """Return what the runs do not share: kind (`source`, `host` or `settings`), name, a, b."""
        import pandas as pd

        # Objects: a whole number stays one beside a value that is missing.
        return pd.DataFrame(_differences(self.a, self.b), columns=["kind", "name", "a", "b"], dtype=object)

    @property
    def same_series(self) -> bool:
        """Whether source, host and settings are the same, so that time alone lies between the runs."""
        return not len(self.differences())

    def fails(self, *conditions: str) -> tuple[int, list[str]]:
        """Return the exit code of conditions such as `time_ratio > 1.10`, and a sentence for each.

        Raises
        ------
        ConfigError
            If a condition cannot be read.
        """
        return gate(self.frame(), conditions)

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write both runs side by side as an HTML report; see `report_on`."""
        return report_on(path, self.a, self.b)

    def __repr__(self) -> str:
        return f"<RunComparison of {_name(self.a)} and {_name(self.b)}\n{self.frame().to_string(index=False)}>"

    def _repr_html_(self) -> str:
        head = inert.html(f"A: {_name(self.a)}, B: {_name(self.b)}")
        apart = self.differences()
        kinds = ", ".join(dict.fromkeys(apart["kind"]))
        said = f"<p>Not one series: {kinds} differ.</p>{_table(apart)}" if len(apart) else ""
        shown = self.frame()[["name", "unit", "a", "b", "ratio", "low", "high", "verdict"]]
        return f"<p>{head}</p>{said}{_table(shown)}"


def _table(frame: pd.DataFrame) -> str:
    from perflab.present.export import inert as without_controls

    shown = without_controls(frame, inert.visible)
    return str(shown.to_html(index=False, escape=True, float_format="{:.3g}".format))


def compare(a: str | os.PathLike[str] | Run, b: str | os.PathLike[str] | Run) -> RunComparison:
    """Hold run B against run A; each is a run folder or an open run.

    Raises
    ------
    RunError
        If a folder holds no run.
    """
    return RunComparison(*(run if isinstance(run, Run) else open_run(run) for run in (a, b)))


def report_on(path: str | os.PathLike[str], first: Run, *others: Run) -> Path:
    """Write runs, each held against the first, as one HTML report and return its path.

    Raises
    ------
    RunError
        If the path does not end in .html, is a folder, or cannot be written.
    """
    from perflab.present.comparison_report import Against, write_comparison

    target = check_report_path(path, (".html",))
    against = [
        Against(name, run.report_data(), (found := RunComparison(first, run)).differences(), found.frame())
        for name, run in zip(_letters(), others, strict=False)
    ]
    return write_comparison(target, first.report_data(), against)


def _letters() -> Iterator[str]:
    """Yield B to Z, then B2 and on."""
    for lap in itertools.count(1):
        yield from (f"{letter}{lap if lap > 1 else ''}" for letter in string.ascii_uppercase[1:])


def series_of(run: Run) -> dict[str, Mapping[str, Any]]:
    """Return what must be equal for two runs to differ by time alone: source, host and settings."""
    samples = run.frames.samples
    digests = {
        f"{workload} {arm}": ", ".join(sorted(set(rows["source_digest"].dropna())))
        for (workload, arm), rows in samples.groupby(["workload", "arm"], observed=True)
    }
    host = run.info.get("host") or {}
    versions = {f"version of {name}": version for name, version in (run.info.get("versions") or {}).items()}
    return {
        "source": {**digests, **(run.info.get("sources") or {})},
        "host": {**{name: host.get(name) for name in _HOST}, **versions},
        "settings": run.info.get("config") or {},
    }


def _differences(a: Run, b: Run) -> Iterator[tuple[str, str, Any, Any]]:
    left, right = series_of(a), series_of(b)
    for kind in left:
        for name, before, after in changed_settings(left[kind], right[kind]):
            yield kind, name, before, after


def _name(run: Run) -> str:
    facts: Iterable[object] = (run.info.get("run_id"), run.info.get("label"), run.info.get("started"))
    return " ".join(str(fact) for fact in facts if fact)
