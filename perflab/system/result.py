"""What a benchmark found, as a user holds it.

In: comparisons and the run that recorded them. Out: ratio, interval, verdict, frames, plots and files.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab import inert
from perflab.analyze import exit_code
from perflab.analyze.pairs import Verdict
from perflab.analyze.stability import doubts
from perflab.bench import ArmComparison, Bench
from perflab.errors import BenchmarkError, RunError
from perflab.record.store import write_atomically
from perflab.system.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present import Picture

__all__ = ["BenchmarkResult"]


@dataclass(frozen=True)
class BenchmarkResult:
    """A finished benchmark.

    Attributes
    ----------
    benches : tuple of Bench
        One a workload, with every sample.
    run : Run
        Frames, metrics, targets and report.
    folder : pathlib.Path or None
        Where the run is kept.
    """

    benches: tuple[Bench, ...]
    run: Run
    folder: Path | None = None

    @property
    def ratio(self) -> float:
        """Time of the optimized arm / time of the baseline; below 1 is faster. Of workloads, in their first state."""
        return self._first.comparison.ratio

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the ratio; NaN where there are too few pairs."""
        return self._first.comparison.low, self._first.comparison.high

    @property
    def verdict(self) -> Verdict:
        """Return `faster`, `slower`, `same` or `unclear`."""
        return self._first.comparison.verdict

    @property
    def noise_floor(self) -> float:
        """How far the arm that differs more from itself does so; a ratio above 0."""
        return max(self._first.comparison.baseline_noise, self._first.comparison.noise)

    @property
    def doubts(self) -> list[str]:
        """Why the first comparison may be unstable; empty if nothing says so."""
        return self._doubts(self.benches[0], self._first)

    def frame(self) -> pd.DataFrame:
        """Return a row an arm: workload, arm, state, ratio to the baseline, its interval, noise floor and verdict."""
        import pandas as pd

        return pd.concat([bench.frame() for bench in self.benches], ignore_index=True)

    def plot(self) -> Picture:
        """Return the first comparison's pairs with interval and band, and all its samples over time."""
        from perflab.present.paired import paired
        from perflab.present.picture import Picture

        first = self._first
        samples = self._samples(self.benches[0], first)
        band = self.run.config.benchmark.band_ratio
        label = f"Ratios of {first.comparison.pairs} pairs with their interval, and every sample over time."
        return Picture(paired(samples, first.comparison, band_ratio=band), label)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return everything but the samples as JSON, and write it if a path is given; what is NaN becomes null.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        content = {
            "run": {name: self.run.info.get(name) for name in ("run_id", "label", "started", "host", "versions")},
            "comparisons": [self._as_dict(bench, found) for bench in self.benches for found in bench.comparisons],
            "targets": self.run.targets().drop(columns=["run_id", "t"], errors="ignore").to_dict("records"),
        }
        return _written(content, path)

    def to_pyperf(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the timed samples as pyperf's JSON, and write it if a path is given.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        from perflab.present.pyperf import pyperf_suite

        return _written(pyperf_suite(self.run.frames.samples, dict(self.run.info.get("host", {}))), path)

    @property
    def exit_code(self) -> int:
        """0 if every target passes, 1 if one fails or is unavailable, 3 if one is unclear."""
        return exit_code(self.run.targets()["verdict"])

    @property
    def _first(self) -> ArmComparison:
        if len(self.benches) != 1:
            raise BenchmarkError(
                f"This result holds {len(self.benches)} workloads, and each has its own ratio; take `frame()`."
            )
        return self.benches[0].comparisons[0]

    def _samples(self, bench: Bench, found: ArmComparison) -> pd.DataFrame:
        samples = bench.samples()
        arm = found.arm
        other = (samples["arm"] == arm.name) & (samples["state"] == arm.state)
        if arm.workers is not None:
            other &= samples["workers"] == arm.workers
        return samples[(samples["arm"] == bench.arms[0].name) | other]

    def _doubts(self, bench: Bench, found: ArmComparison) -> list[str]:
        return doubts(self._samples(bench, found), found.comparison, found.arm.clock)

    def _as_dict(self, bench: Bench, found: ArmComparison) -> dict[str, Any]:
        arm = {"workload": bench.workload, "arm": found.arm.label, "clock": found.arm.clock, "outputs": found.outputs}
        return {**arm, **asdict(found.comparison), "may_be_unstable": self._doubts(bench, found)}

    def __repr__(self) -> str:
        return f"<BenchmarkResult\n{self.frame().to_string(index=False)}>"

    def _repr_html_(self) -> str:
        from perflab.present.export import inert as without_controls

        shown = ["workload", "arm", "state", "clock", "ratio", "low", "high", "verdict", "pairs", "outputs"]
        table = without_controls(self.frame()[shown], inert.visible).to_html(
            index=False, float_format="{:.3g}".format, escape=True
        )
        notes = [
            f"<p>{inert.html(bench.workload)}, {inert.html(found.arm.label)}: may be unstable, as "
            f"{inert.html('; '.join(said))}.</p>"
            for bench in self.benches
            for found in bench.comparisons
            if (said := self._doubts(bench, found))
        ]
        return str(table) + "".join(notes)


def _written(content: Any, path: str | os.PathLike[str] | None) -> str:
    text = json.dumps(_known(content), indent=1, allow_nan=False, default=str)
    if path is not None:
        try:
            write_atomically(Path(path), text, mode=0o644)
        except OSError as error:
            raise RunError(f"{os.fspath(path)!r} cannot be written: {error.strerror}; choose another file.") from error
    return text


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _known(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
