"""Readers of a source tree: files that a code browser opens, some of them far more often than others.

In: a corpus, a cache, a seed. Out: reads of opened files through the cache; as a command, the trace of such a run.
"""

from __future__ import annotations

import io
import random
import sys
import tokenize
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from perflab.cache import TieredCache, build_tiers
from perflab.chunk import OPERATIONS, split
from perflab.config import Config
from perflab.record import Recorder
from perflab.trace import Trace
from perflab.workloads.accesses import zipf
from perflab.workloads.corpus import Corpus, read_source, select
from perflab.workloads.discover import SourceFile

__all__ = ["browse", "opened", "record_reading", "wanted"]

_L1_BYTES = 50_000_000
_CORPUS_BYTES = 6_000_000
_READS = 8_000
_EXPONENT = 0.9


def wanted(files: int, reads: int, seed: int) -> Iterator[int]:
    """Yield numbers of files: readers, in the middle an indexer that opens each file once, then readers again.

    Half of the readers' favourites are other ones after the indexer.
    """
    random_order = random.Random(seed)
    favourites = random_order.sample(range(files), files)
    stream = zipf(reads, files, exponent=_EXPONENT, seed=seed)
    yield from (favourites[rank] for rank in stream[: reads // 2])
    yield from range(files)
    changed = favourites[::2]
    random_order.shuffle(changed)
    favourites[::2] = changed
    yield from (favourites[rank] for rank in stream[reads // 2 :])


def opened(file: SourceFile) -> list[Any]:
    """Return what a code browser shows of a file: its chunks with their facts, and in Python its tokens to colour."""
    source = read_source(file)
    analyze = OPERATIONS["analyze"]
    shown: list[Any] = [(chunk.kind, chunk.name, analyze(chunk)) for chunk in split(source, path=file.path)]
    return [*shown, *(_tokens(source) if file.language == "python" else ())]


def browse(corpus: Corpus, cache: TieredCache, *, reads: int = _READS, seed: int = 2026) -> int:
    """Open files through a cache and return how many reads that were."""
    count = 0
    for number in wanted(len(corpus.files), reads, seed):
        file = corpus.files[number]
        cache.get_or_load(file.path, partial(opened, file))
        count += 1
    return count


def record_reading(
    corpus: Corpus | None = None, *, reads: int = _READS, l1_bytes: int = _L1_BYTES, seed: int = 2026
) -> Trace:
    """Run the readers once, with a memory tier alone, and return what was recorded as a trace.

    Parameters
    ----------
    corpus
        Files to read; by default 6 MB of the standard library.
    reads
        Of the readers; the indexer's are as many as there are files.
    l1_bytes
        Size of the memory tier.
    seed
        Of the files that are wanted.
    """
    files = select(seed=seed, limit_bytes=_CORPUS_BYTES) if corpus is None else corpus
    config = Config(cache={"l1_bytes": l1_bytes, "l2_bytes": 0, "l3_enabled": False})
    recorder = Recorder()
    with build_tiers(config, recorder) as cache:
        browse(files, cache, reads=reads, seed=seed)
    trace = recorder.frames.trace(f"readers of {files.name}")
    recorder.close()
    return trace


def _tokens(source: bytes) -> Iterator[Any]:
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            yield token.type, token.string, token.start, token.end
    except (tokenize.TokenError, SyntaxError):
        return  # a file that Python cannot read is shown as far as it goes


if __name__ == "__main__":
    record_reading().save(Path(sys.argv[1]))
