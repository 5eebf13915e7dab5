"""The arms of the built-in workloads, as a benchmark starts them: one call in a process of its own.

In: folders as text. Out: an `Outcome`: the digest of what was made, counted work, and the run that recorded it.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perflab.bench import Outcome
from perflab.config import Config
from perflab.workloads.corpus import Corpus, select

if TYPE_CHECKING:
    from perflab.parallel import Workers

__all__ = ["fresh_folders", "naive_documents", "naive_validation", "optimized_documents", "optimized_validation"]

Work = Callable[..., tuple[str, Mapping[str, Any]]]

_IMPORTED_BY_WORKERS = ("perflab.workloads.facts", "perflab.workloads.fragments")


def fresh_folders(scratch: str, store: str | None = None, **_: Any) -> Mapping[str, str]:
    """Return new folders for one sample below `scratch`; what an earlier sample left there is removed.

    Parameters
    ----------
    scratch
        Folder of this arm alone.
    store
        A disk tier to start from; it is copied, so that every sample finds the same one.
    """
    for old in Path(scratch).iterdir():
        shutil.rmtree(old)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    if store is not None:
        shutil.copytree(store, folder / "store")
    return {"out": str(folder / "out"), "store": str(folder / "store"), "run": str(folder / "run")}


def naive_documents(source: str, out: str, **_: Any) -> Outcome:
    """Create the documents of a source tree, one after the other, as a first program would."""
    from perflab.workloads.documents import create_naive

    created = create_naive(_corpus(source), Path(out))
    return Outcome(created.digest, {**created.work, "rule_findings": len(created.findings)})


def optimized_documents(
    source: str, out: str, store: str, run: str | None, settings: Mapping[str, Any], **_: Any
) -> Outcome:
    """Create the same documents with perflab's caches and workers."""
    from perflab.workloads.documents import create_optimized

    def create(config: Config, **tools: Any) -> tuple[str, Mapping[str, Any]]:
        created = create_optimized(_corpus(source), Path(out), operations=config.max_parallel_operations, **tools)
        return created.digest, {**created.work, "rule_findings": len(created.findings)}

    return _with_tools(create, store, run, settings)


def naive_validation(source: str, documents: str, **_: Any) -> Outcome:
    """Validate documents against each other and the code, as a first program would."""
    from perflab.workloads.crossvalidate import validate_naive

    found = validate_naive(Path(documents), _corpus(source))
    return Outcome(found.digest, {**found.work, **_score(found.findings, documents)})


def optimized_validation(
    source: str, documents: str, store: str, run: str | None, settings: Mapping[str, Any], **_: Any
) -> Outcome:
    """Validate the same documents with perflab's caches and workers."""
    from perflab.workloads.crossvalidate import validate_optimized

    def validate(config: Config, **tools: Any) -> tuple[str, Mapping[str, Any]]:
        del config
        found = validate_optimized(Path(documents), _corpus(source), **tools)
        return found.digest, {**found.work, **_score(found.findings, documents)}

    return _with_tools(validate, store, run, settings)


def _with_tools(work: Work, store: str, run: str | None, settings: Mapping[str, Any]) -> Outcome:
    """Call `work` with the cache, the workers and the recorder that the settings describe, all closed afterwards.

    Without a run folder the rows stay in memory, and are never made into columns and files: that is what a memory run
    asks for, as nobody reads its rows.
    """
    from perflab.host import share_one_arena
    from perflab.parallel import Workers

    share_one_arena()
    config = Config(**settings).replace(cache={"l3_dir": store})
    with Workers(config.workers, config.parallel.kind, in_flight=config.max_parallel_operations) as workers:
        if not Path(store).exists():  # all is to be computed: they start while this process imports the rest
            workers.start(*_IMPORTED_BY_WORKERS)
        digest, counted = _recorded(work, config, workers, run)
    # Peaks of processes are watched from outside, where those that serve the workers are seen too.
    return Outcome(digest, counted, run_dir=run, children_peak_bytes=0 if config.workers == 1 else None)


def _recorded(work: Work, config: Config, workers: Workers, run: str | None) -> tuple[str, Mapping[str, Any]]:
    from perflab.cache import build_tiers
    from perflab.events import Events
    from perflab.host import Monitor
    from perflab.record import Recorder

    recorder = Recorder(None if run is None else Path(run), config.record)
    with (
        Monitor(recorder, Events(recorder.add), config.resource_monitoring) as monitor,
        build_tiers(config, recorder) as cache,
    ):
        found = work(config, cache=cache, workers=workers, recorder=recorder)
        monitor.sample()
    recorder.close()
    return found


def _corpus(source: str) -> Corpus:
    return select(Path(source))


def _score(findings: Any, documents: str) -> dict[str, Any]:
    """Return precision and recall on the defects that were planted in these documents."""
    from perflab.workloads.crossvalidate import Planted, score

    planted = [Planted(**defect) for defect in json.loads(Path(documents).with_suffix(".json").read_text())]
    total, *_ = score(findings, planted)
    counts = {name: value for name, value in asdict(total).items() if name != "rule"}
    rates = {"precision": total.precision, "recall": total.recall}
    return counts | {name: rate for name, rate in rates.items() if not math.isnan(rate)}
