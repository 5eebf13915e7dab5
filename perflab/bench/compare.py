"""What a benchmark found: every arm against the baseline.

In: arms, and the rows of their samples. Out: a `Bench` with a comparison for each arm, and its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from perflab.analyze.pairs import Comparison, compare, flag_outliers
from perflab.bench.arm import Arm
from perflab.record import columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ArmComparison", "Bench", "compare_arms", "is_of", "samples_frame"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """An arm against the baseline of the same blocks, judged on the arm's clock."""

    arm: Arm
    comparison: Comparison


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
        """Return one row an arm: workload, arm, state, workers, clock, then the fields of `Comparison`."""
        import pandas as pd

        return pd.DataFrame([self._row(found) for found in self.comparisons])

    def _row(self, found: ArmComparison) -> dict[str, Any]:
        arm = found.arm
        names = {"arm": arm.name, "state": arm.state, "workers": arm.workers, "clock": arm.clock}
        return {"workload": self.workload, **names, **asdict(found.comparison)}


def compare_arms(
    arms: Sequence[Arm],
    rows: Iterable[Row],
    *,
    confidence: float = 0.95,
    band_ratio: float = 0.03,
    quads: bool = False,
) -> tuple[ArmComparison, ...]:
    """Compare every arm with the first one, by the block in which they were measured."""
    kept = [row for row in rows if row["purpose"] == "time" and row["pair"] >= 0 and row["error"] is None]
    return tuple(
        ArmComparison(
            arm,
            compare(
                _by_block(arms[0], arm.clock, kept),
                _by_block(arm, arm.clock, kept),
                confidence=confidence,
                band_ratio=band_ratio,
                quads=quads,
            ),
        )
        for arm in arms[1:]
    )


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
