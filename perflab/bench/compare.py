"""What a benchmark found: every arm against the baseline.

In: arms, and the rows of their samples. Out: a `Bench` with a comparison for each arm, and its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from perflab.analyze.pairs import Comparison, compare, flag_outliers
from perflab.bench.arm import Arm
from perflab.record import columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ArmComparison", "Bench", "Outputs", "compare_arms", "is_of", "samples_frame"]

Row = Mapping[str, Any]
Outputs = Literal["equal", "not comparable"]


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """An arm against the baseline of the same blocks, judged on the arm's clock.

    Attributes
    ----------
    arm : Arm
        The arm.
    comparison : Comparison
        How long it takes; its note says what became of the outputs.
    outputs : str
        `equal` to the baseline's in every sample, or `not comparable` where an output has no digest or the two arms
        have different inputs. Different outputs of the same inputs end a benchmark with an error.
    """

    arm: Arm
    comparison: Comparison
    outputs: Outputs


@dataclass(frozen=True, slots=True)
class Bench:
    """A finished benchmark.

    Attributes
    ----------
    workload : str
        What was measured.
    seed : int
        Seed of the order and of the hash seeds.
    arms : tuple of Arm
        The baseline first.
    rows : tuple of mappings
        Every sample, with the columns of the frame `samples`.
    comparisons : tuple of ArmComparison
        One for each arm but the baseline.
    """

    workload: str
    seed: int
    arms: tuple[Arm, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[ArmComparison, ...]

    @property
    def outputs_compared(self) -> bool:
        """Whether every sample had an output that could be compared; all that could be were equal."""
        return all(row["output_digest"] is not None for row in self.rows)

    def samples(self) -> pd.DataFrame:
        """Return every sample as a frame, outliers flagged."""
        return flag_outliers(samples_frame(self.rows))

    def frame(self) -> pd.DataFrame:
        """Return one row an arm: workload, arm, state, workers, clock, outputs, then the fields of `Comparison`."""
        import pandas as pd

        return pd.DataFrame([self._row(found) for found in self.comparisons])

    def _row(self, found: ArmComparison) -> dict[str, Any]:
        arm = found.arm
        names = {"arm": arm.name, "state": arm.state, "workers": arm.workers, "clock": arm.clock}
        return {"workload": self.workload, **names, "outputs": found.outputs, **asdict(found.comparison)}


def compare_arms(
    arms: Sequence[Arm],
    rows: Iterable[Row],
    *,
    confidence: float = 0.95,
    band_ratio: float = 0.03,
    quads: bool = False,
) -> tuple[ArmComparison, ...]:
    """Compare every arm with the first one, by the block in which they were measured."""
    done = [row for row in rows if row["error"] is None]
    timed = [row for row in done if row["purpose"] == "time" and row["pair"] >= 0]

    def against_first(arm: Arm) -> ArmComparison:
        first, other = _by_block(arms[0], arm.clock, timed), _by_block(arm, arm.clock, timed)
        found = compare(first, other, confidence=confidence, band_ratio=band_ratio, quads=quads)
        outputs, said = _outputs(arms[0], arm, done)
        return ArmComparison(arm, replace(found, note=f"{found.note}; {said}"), outputs)

    return tuple(map(against_first, arms[1:]))


def is_of(row: Row, arm: Arm) -> bool:
    """Return whether a sample is of this arm, in its state, with its workers."""
    return (row["arm"], row["state"], row["workers"]) == (arm.name, arm.state, arm.workers)


def samples_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a frame with the columns of `samples` but `run_id` and `t`, which recording adds."""
    import pandas as pd

    dtypes = {"int": "Int64", "float": "float64", "bool": "boolean"}
    described = columns("samples")[2:]
    frame = pd.DataFrame([{column.name: row.get(column.name) for column in described} for row in rows])
    frame = frame.reindex(columns=[column.name for column in described])
    return frame.astype({c.name: dtypes[c.dtype] for c in described if c.dtype in dtypes})


def _by_block(arm: Arm, clock: str, rows: Iterable[Row]) -> dict[int, float]:
    return {row["pair"]: row[f"{clock}_s"] for row in rows if is_of(row, arm) and row[f"{clock}_s"]}


def _outputs(baseline: Arm, arm: Arm, rows: Iterable[Row]) -> tuple[Outputs, str]:
    """Return whether the outputs of two arms, neither of which failed, are known to be equal, and how to say so."""
    if arm.inputs != baseline.inputs:
        return "not comparable", "outputs not comparable: other inputs than the baseline's"
    if any(row["output_digest"] is None for row in rows if is_of(row, arm) or is_of(row, baseline)):
        return "not comparable", "outputs not comparable: not made of plain values, so nothing checks that they agree"
    return "equal", "outputs equal"
