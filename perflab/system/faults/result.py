"""What a pipeline survived.

In: a row a fault. Out: `ChaosResult`: as a frame, a table, JSON, and one word on the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import RunError
from perflab.record.store import write_atomically
from perflab.units import format_seconds

if TYPE_CHECKING:
    import pandas as pd

    from perflab.present.shown import Shown

__all__ = ["ChaosResult", "Survival"]

_HEADS = ("fault", "caused", "survived", "results", "warnings", "rows", "time", "why")


@dataclass(frozen=True, slots=True)
class Survival:
    """What one fault came to.

    Attributes
    ----------
    fault, causes, undone : str
        Its name, what happens, how it is undone.
    caused : bool
        Whether it really happened, by its own count; else nothing is known, and `reason` says why.
    times : int
        How often it happened.
    survived : bool or None
        Whether the pipeline gave right results, or the fault's own error and then right results; None if not caused.
    right : bool or None
        Whether the run under the fault returned what one without returns; None if it raised, or was not caused.
    raised : str or None
        The error that ended the run under the fault.
    warnings, rows : int
        How many warnings, and rows that tell of trouble, there were.
    slowdown : float or None
        Time under the fault / time without; one run each, so no more than an order of magnitude.
    reason : str
        Why, in a sentence.
    """

    fault: str
    causes: str
    undone: str
    caused: bool
    times: int
    survived: bool | None
    right: bool | None
    raised: str | None
    warnings: int
    rows: int
    slowdown: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class ChaosResult:
    """What was caused, and what of it a pipeline survived.

    Attributes
    ----------
    rows : tuple of Survival
        One a fault, in the order in which they were asked for.
    seconds : float
        Time of the workload without a fault.
    """

    rows: tuple[Survival, ...]
    seconds: float

    @property
    def survived(self) -> bool:
        """Whether every fault that was caused was survived, and there was one."""
        return bool(self.caused) and all(row.survived for row in self.caused)

    @property
    def caused(self) -> tuple[Survival, ...]:
        """The faults that really happened."""
        return tuple(row for row in self.rows if row.caused)

    def frame(self) -> pd.DataFrame:
        """Return a row a fault, with the columns of `Survival`."""
        import pandas as pd

        frame = pd.DataFrame([asdict(row) for row in self.rows], columns=list(Survival.__slots__))
        return frame.astype({"survived": "boolean", "right": "boolean", "slowdown": "float64"})

    def to_json(self, path: str | Path | None = None) -> str:
        """Return everything as JSON, and write it to a file if one is named.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        document = {"survived": self.survived, "seconds": self.seconds, "faults": [asdict(row) for row in self.rows]}
        text = json.dumps(document, indent=1, allow_nan=False)
        if path is not None:
            try:
                write_atomically(Path(path), text)
            except OSError as error:
                raise RunError(f"{str(path)!r} cannot be written: {error.strerror}; choose another file.") from error
        return text

    def cells(self) -> Iterator[tuple[str, ...]]:
        """Yield the table's rows, as text."""
        for row in self.rows:
            yield (
                row.fault,
                f"{row.times} ×" if row.caused else "no",
                _word(row.survived, "yes", "NO", "unavailable"),
                _word(row.right, "right", "WRONG", "raised" if row.raised else "–"),
                str(row.warnings),
                str(row.rows),
                "–" if row.slowdown is None else f"{row.slowdown:.1f} ×",
                row.reason,
            )

    @property
    def said(self) -> str:
        """One sentence on the whole."""
        lost = [row.fault for row in self.caused if not row.survived]
        counts = f"{len(self.caused)} caused, {len(self.caused) - len(lost)} survived, " \
            f"{len(self.rows) - len(self.caused)} unavailable"  # fmt: skip
        return f"{counts}; without a fault {format_seconds(self.seconds)}" + (
            f". Not survived: {', '.join(lost)}." if lost else "."
        )

    def __str__(self) -> str:
        return repr(self._shown())

    def __repr__(self) -> str:
        return f"<ChaosResult {self.said}>"

    def _repr_html_(self) -> str:
        return self._shown()._repr_html_()

    def _shown(self) -> Shown:
        from perflab.present.shown import Shown
        from perflab.present.tables import Heading, Table

        headings = tuple(Heading(head, head in ("warnings", "rows")) for head in _HEADS)
        return Shown((self.said,), (Table("Faults caused on purpose", headings, tuple(self.cells())),))


def _word(truth: bool | None, yes: str, no: str, unknown: str) -> str:
    return unknown if truth is None else yes if truth else no
