"""The workloads under simultaneous requests: 1, 2, 4, 8 and 16 clients that share one cache and its workers.

In: a workload, a source tree, a config. Out: one `Load` a level; each request is a recorded operation.
"""

from __future__ import annotations

import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from perflab.analyze.load import Load, load
from perflab.cache import build_tiers
from perflab.config import Config
from perflab.errors import BenchmarkError
from perflab.parallel import Workers
from perflab.record import NULL_RECORDER, Recorder
from perflab.workloads.corpus import Corpus, select

__all__ = ["LEVELS", "drive", "measure_concurrency", "requests_of"]

LEVELS: Final = (1, 2, 4, 8, 16)
REQUESTS: Final = 96
"""Enough for exact bounds of the 95th percentile."""
SOURCE_BYTES: Final = 450_000

Request = Callable[[Path], object]
Requests = Callable[[Mapping[str, Any]], list[Request]]


@dataclass(slots=True)
class _Seen:
    """What the clients of one level saw."""

    seconds: list[float] = field(default_factory=list)
    clients: list[int] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)


def measure_concurrency(
    workload: str,
    *,
    config: Config,
    source: Path | None = None,
    levels: Iterable[int] = LEVELS,
    requests: int = REQUESTS,
    recorder: Recorder = NULL_RECORDER,
) -> list[Load]:
    """Measure a workload's parts as requests of several clients, each level on an empty cache of its own.

    Parameters
    ----------
    workload
        `document-creation`: a request makes the documents of one feature. `cross-validation`: it validates those of
        one feature against each other and the code.
    config
        Settings of cache and workers.
    source
        Source tree; by default a part of the standard library.
    levels
        Numbers of clients; each sends its next request when the last one was answered.
    requests
        Requests a level; features are taken in turn, so that later ones find what earlier ones left in the cache.
    recorder
        Gets an operation `request` for each.

    Raises
    ------
    BenchmarkError
        If the workload is unknown.
    """
    with tempfile.TemporaryDirectory(prefix="perflab-") as folder:
        limit = SOURCE_BYTES if source is None else None
        corpus = select(source, seed=config.benchmark.seed, limit_bytes=limit)
        make = requests_of(workload, corpus, Path(folder) / "documents")
        return [_level(number, make, Path(folder) / f"level-{number}", config, requests, recorder) for number in levels]


def drive(
    simultaneous: int, work: Sequence[Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> Load:
    """Let so many clients take turns at pieces of work; a piece that raises counts as an error and ends nothing else.

    Examples
    --------
    >>> found = drive(2, [lambda: None] * 8)
    >>> found.requests, found.errors
    (8, 0)
    """
    waiting: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
    for piece in work:
        waiting.put(piece)
    seen, start = _Seen(), clock()
    clients = [
        threading.Thread(target=_client, args=(number, waiting, seen, clock), name=f"client-{number}")
        for number in range(simultaneous)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return load(simultaneous, seen.seconds, seen.clients, errors=len(seen.failures), elapsed_s=clock() - start)


def _client(
    number: int, waiting: queue.SimpleQueue[Callable[[], object]], seen: _Seen, clock: Callable[[], float]
) -> None:
    while True:
        try:
            piece = waiting.get_nowait()
        except queue.Empty:
            return
        start = clock()
        try:
            piece()
        except Exception as error:
            seen.failures.append(error)
        seen.seconds.append(clock() - start)
        seen.clients.append(number)


def _level(simultaneous: int, make: Requests, folder: Path, config: Config, requests: int, recorder: Recorder) -> Load:
    settings = config.replace(cache={"l3_dir": folder / "store"})
    with (
        build_tiers(settings, recorder) as cache,
        Workers(settings.workers, settings.parallel.kind, in_flight=settings.max_parallel_operations) as workers,
    ):
        parts = make({"cache": cache, "workers": workers, "recorder": recorder})

        def piece(number: int) -> Callable[[], object]:
            def request() -> object:
                with recorder.operation("request", key=number):
                    return parts[number % len(parts)](folder / f"out-{number}")

            return request

        return drive(simultaneous, [piece(number) for number in range(requests)])


def requests_of(workload: str, corpus: Corpus, documents: Path) -> Requests:
    """Return a function that makes a workload's requests, given the tools that they share: cache, workers, recorder.

    Raises
    ------
    BenchmarkError
        If the workload is unknown.
    """
    from perflab.workloads.crossvalidate import validate_optimized
    from perflab.workloads.documents import create_naive, create_optimized

    parts = list(_parts(corpus))
    if workload == "document-creation":
        return lambda tools: [
            lambda out, part=part: create_optimized(part, out, operations=1, **tools)  # type: ignore[misc]  # bound now
            for part in parts
        ]
    if workload != "cross-validation":
        raise BenchmarkError(f"{workload!r} is no workload; choose document-creation or cross-validation.")
    for number, part in enumerate(parts):
        create_naive(part, documents / str(number))
    return lambda tools: [
        lambda _, number=number, part=part: validate_optimized(documents / str(number), part, **tools)  # type: ignore[misc]  # bound now
        for number, part in enumerate(parts)
    ]


def _parts(corpus: Corpus) -> Iterator[Corpus]:
    for feature in sorted({file.feature for file in corpus.files}):
        yield replace(corpus, files=tuple(file for file in corpus.files if file.feature == feature))
