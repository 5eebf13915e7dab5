"""What each kind of edit makes a workload compute anew.

In: a workload, a source tree, kinds of edit. Out: counts of what was computed, of what could have been.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from perflab.bench import Outcome
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.workloads import arms as targets
from perflab.workloads.edit import EDITS
from perflab.workloads.staging import WORKLOADS, Scale, Stage, corpus_of, filled_store, naive_outcome, staged

__all__ = ["count_edits"]


def count_edits(
    name: str, *, config: Config, source: Path | None = None, scale: Scale, kinds: Sequence[str] = tuple(EDITS)
) -> list[dict[str, Any]]:
    """Run a workload once after each kind of edit, and count what it computes anew of what it could have.

    Parameters
    ----------
    name
        Of `WORKLOADS`.
    source, scale
        As for `run_workloads`.
    kinds
        Of `EDITS`.

    Returns
    -------
    list of dict
        A row a kind and counted thing: workload, edit, counted (`chunks`, `facts`, `documents`, `pairs`),
        recomputed, possible.

    Raises
    ------
    BenchmarkError
        If the optimized arm's output differs from the naive one's.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        corpus = corpus_of(WORKLOADS[name], source, scale, config, Path(folder) / "source")
        for number, kind in enumerate(kinds):
            stage = staged(WORKLOADS[name], corpus, Path(folder) / str(number), config, EDITS[kind])
            for counted, (recomputed, possible) in _recomputed(name, stage, kind).items():
                known = {"workload": name, "edit": kind, "counted": counted}
                rows.append({**known, "recomputed": recomputed, "possible": possible})
    return rows


def _recomputed(name: str, stage: Stage, kind: str) -> dict[str, tuple[int, int]]:
    work = WORKLOADS[name].work
    store, naive = filled_store(stage, work), naive_outcome(stage, work)
    optimized: Callable[..., Outcome] = getattr(targets, f"optimized_{work}")
    folder = Path(stage.folder("edited-run"))
    found = optimized(
        **stage.edited, out=str(folder / "out"), store=store, run=str(folder / "run"), settings=stage.settings
    )
    if found.digest != naive.digest:
        raise BenchmarkError(
            f"After {kind} the optimized arm of {name!r} gives another output ({found.digest}) than the naive one "
            f"({naive.digest}); the counts mean nothing."
        )
    counts = found.work or {}
    return {
        what: (counts[anew], counts[rest] + (counts[anew] if rest.endswith("_reused") else 0))
        for what, (anew, rest) in _COUNTED.items()
        if anew in counts and rest in counts
    }


_COUNTED = {
    "facts": ("facts_computed", "facts_reused"),
    "chunks": ("chunks_processed", "chunks_reused"),
    "documents": ("documents_rendered", "documents"),
    "pairs": ("pairs_compared", "pairs_possible"),
}
"""What is counted, and where the work says how much of it was done, and how much was not or could have been."""
