"""Readers of a source tree, and the trace that comes with the project."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import perflab
from perflab.workloads.corpus import select
from perflab.workloads.reading import opened, record_reading, wanted

DATA = Path(__file__).parents[2] / "data" / "traces"


def test_some_files_are_wanted_far_more_often_and_each_at_least_once() -> None:
    stream = list(wanted(40, 2_000, seed=3))
    counts = Counter(stream)
    assert len(stream) == 2_040
    assert set(counts) == set(range(40))
    assert counts.most_common(1)[0][1] > 5 * min(counts.values())
    assert stream == list(wanted(40, 2_000, seed=3))
    assert stream[:1_000] != stream[1_040:]


def test_what_is_opened_has_chunks_and_tokens(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("def price():\n    return 7\n")
    (tmp_path / "broken.py").write_text("def (:\n'''")
    files = {file.path: file for file in select(tmp_path).files}
    shown = opened(files["shop.py"])
    assert shown[0][:2] == ("function", "price")
    assert any(token[1] == "return" for token in shown[1:])
    assert opened(files["broken.py"])


def test_a_run_is_recorded_with_sizes_costs_and_times(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"part{number}.py").write_text(f"def part():\n    return {number}\n" * (number + 1))
    trace = record_reading(select(tmp_path), reads=60, l1_bytes=20_000)
    assert len(trace) == 68
    assert trace.keys == 8
    assert (trace.nbytes > 0).all()
    assert (trace.costs > 0).all()
    live = perflab.whatif(trace)
    assert 0 < live.hit_rate("lru", 20_000) < 1


def test_the_provenance_names_the_trace_that_is_there() -> None:
    provenance = (DATA / "reading.txt").read_text()
    digest = hashlib.sha256((DATA / "reading.csv.gz").read_bytes()).hexdigest()
    assert digest in provenance
    assert "python -m perflab.workloads.reading" in provenance
    trace = perflab.read_trace(DATA / "reading.csv.gz")
    assert f"{len(trace):,} accesses to {trace.keys:,} keys" in provenance
    assert (DATA / "reading.csv.gz").stat().st_size < 1_000_000
