"""The arms of the workloads `prefetch` and `warm`: programs that read through a cache, with and without help.

In: the name of a pattern of reads, how long a load takes. Out: an `Outcome`: the digest of all values, the run that
recorded every read.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from perflab.bench import Outcome
from perflab.cache import MemoryCache, TieredCache, TTLCache, build_tiers
from perflab.config import Config
from perflab.optimize.prefetch import Prefetcher
from perflab.optimize.warm import Warming
from perflab.record import Recorder
from perflab.workloads.patterns import Pattern, pattern

__all__ = ["cold_start", "ended_before", "plain_reads", "prefetched_reads", "reading_cache", "warm_start"]

_RESTART_BYTES = 900_000
"""Room for about half of the keys of the pattern `restart`."""
_RESTART_READS = (10_000, 12_500)
"""Where the first process ends, and the second one."""
_VALUE = "x" * 100


def plain_reads(name: str, run: str, **program: Any) -> Outcome:
    """Read a pattern through a memory tier that evicts what was used longest ago."""
    reads = pattern(name, accesses=program.pop("accesses"), size=program.pop("size", 1.0))
    with _recorded(run) as recorder, reading_cache(reads, recorder) as cache:
        return Outcome(_read(reads, cache, recorder, **program), run_dir=run)


def prefetched_reads(name: str, run: str, **program: Any) -> Outcome:
    """Read the same, while a prefetcher learns in its thread and loads ahead in others."""
    reads = pattern(name, accesses=program.pop("accesses"), size=program.pop("size", 1.0))
    with (
        _recorded(run) as recorder,
        reading_cache(reads, recorder) as cache,
        Prefetcher(cache) as prefetcher,
    ):
        prefetcher.register(_any_key, partial(_load, load_s=program["load_s"]), side_effect_free=True)
        return Outcome(_read(reads, cache, recorder, **program), run_dir=run)


def reading_cache(reads: Pattern, recorder: Recorder) -> TieredCache:
    """Return a cache of as many entries as a pattern is made for, in memory alone."""
    l1 = MemoryCache(max_entries=reads.cached, recorder=recorder)
    return TieredCache(l1, TTLCache(0, recorder=recorder), None, recorder)


def ended_before(scratch: str, store: str | None = None, **_: Any) -> Mapping[str, str]:
    """Return folders for one sample; the disk tier is as a first run of the same program left it when it ended."""
    from perflab.workloads.arms import fresh_folders

    folders = fresh_folders(scratch, store)
    reads = _restart(0, _RESTART_READS[0])
    with _recorded(None) as recorder, _restarted(folders["store"], recorder) as cache, Warming(cache) as warming:
        warming.wait()
        _read(reads, cache, recorder, load_s=0.0, think_s=0.0)
    return folders


def cold_start(run: str, out: str, **program: Any) -> Outcome:
    """Go on with the program in a new process, from nothing."""
    reads = _restart(*_RESTART_READS)
    with _recorded(run) as recorder, _restarted(out, recorder) as cache:
        return Outcome(_read(reads, cache, recorder, **program), run_dir=run)


def warm_start(run: str, store: str, **program: Any) -> Outcome:
    """Go on with the program in a new process, while its memory is warmed from disk in the background."""
    reads = _restart(*_RESTART_READS)
    with _recorded(run) as recorder, _restarted(store, recorder) as cache, Warming(cache):
        return Outcome(_read(reads, cache, recorder, **program), run_dir=run)


def _restart(start: int, stop: int) -> Pattern:
    reads = pattern("restart", accesses=_RESTART_READS[1])
    return replace(reads, reads=reads.reads[start:stop])


def _restarted(store: str, recorder: Recorder) -> TieredCache:
    sizes = {"l1_bytes": _RESTART_BYTES * 4 // 5, "l2_bytes": _RESTART_BYTES // 5, "l3_dir": store}
    return build_tiers(Config(cache=sizes), recorder)


@contextlib.contextmanager
def _recorded(run: str | None) -> Iterator[Recorder]:
    recorder = Recorder(None if run is None else Path(run))
    try:
        yield recorder
    finally:
        recorder.close()


def _read(reads: Pattern, cache: TieredCache, recorder: Recorder, *, load_s: float, think_s: float, **_: Any) -> str:
    """Read each stream in a thread and an operation of its own; return the digest of what was read."""
    streams = sorted(reads.by_stream().items())
    read = partial(_stream, cache, recorder, load_s, think_s)
    with ThreadPoolExecutor(len(streams)) as threads:
        digests = list(threads.map(read, *zip(*streams, strict=True)))
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _stream(
    cache: TieredCache, recorder: Recorder, load_s: float, think_s: float, number: int, keys: Iterable[str]
) -> str:
    digest = hashlib.sha256()
    with recorder.operation(f"program-{number}"):
        for key in keys:
            digest.update(cache.get_or_load(key, partial(_load, key, load_s=load_s)).encode())
            if think_s:
                time.sleep(think_s)
    return digest.hexdigest()


def _load(key: str, load_s: float) -> str:
    if load_s:
        time.sleep(load_s)
    return key + _VALUE


def _any_key(_: object) -> bool:
    return True
