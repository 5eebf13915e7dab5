"""The workloads that read through a cache, measured end to end on a small scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perflab import Config, benchmark
from perflab.analyze.targets import READ_TARGETS
from perflab.cli.extras import count_edits
from perflab.errors import BenchmarkError
from perflab.workloads import suite
from perflab.workloads.reads import READ_WORKLOADS


def test_both_arms_record_their_reads_and_the_metrics_are_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = {"name": "loop", "accesses": 300, "size": 0.02, "load_s": 0.0, "think_s": 0.001}
    small = tuple(
        replace(reads, program=program) for reads in READ_WORKLOADS["prefetch"] if reads.name.endswith("loop")
    )
    monkeypatch.setattr(suite, "READ_WORKLOADS", {"prefetch": small})
    result = benchmark("prefetch", config=Config(benchmark={"warmup_blocks": 0}), pairs=1, run_dir=tmp_path / "run")
    frames = result.run.frames
    assert set(frames.samples["arm_run_id"].dropna()) == set(frames.accesses["run_id"].astype(str))
    found = result.run.metrics().set_index("name")["value"]
    assert found["prefetch_loop.hit_rate_plain"] == 0.0
    assert found["prefetch_loop.lift"] == found["prefetch_loop.hit_rate"] > 0
    assert found["prefetch_loop.prefetch.issued"] == (frames.accesses["event"] == "prefetch").sum() > 0
    verdicts = result.run.targets().set_index("name")["verdict"]
    assert set(verdicts.index) == {target.name for target in READ_TARGETS["prefetch"]}
    assert verdicts["prefetch_random.loss"] == "unavailable"


def test_they_have_no_source_to_edit() -> None:
    with pytest.raises(BenchmarkError, match="'warm' works on no source tree"):
        count_edits(["warm"], None, None)
