"""The workload `tune`: both arms read the same, and the optimized one from a cache that was set better before."""

from __future__ import annotations

from pathlib import Path

from perflab import Config, open_run
from perflab.system.tuned_reads import as_set, as_tuned, optimized_before
from perflab.workloads.reads import READ_WORKLOADS

PROGRAM = {"accesses": 2_000, "memory_bytes": 250_000, "load_s": 0.0}


def test_the_optimized_arm_reads_the_same_with_more_hits(tmp_path: Path) -> None:
    found = {}
    for arm in (as_set, as_tuned):
        scratch = tmp_path / arm.__name__
        scratch.mkdir()
        made = optimized_before(**PROGRAM, scratch=str(scratch))
        found[arm] = arm(**{**PROGRAM, **made})
    before, after = found[as_set], found[as_tuned]
    assert before.digest == after.digest
    assert before.work is not None
    assert after.work is not None
    assert sum(before.work.values()) == sum(after.work.values()) == 1_000
    assert after.work["hits"] > before.work["hits"] + 200
    run = open_run(str(after.run_dir))
    assert run.config.l1_bytes == Config(**made["tuned"]).l1_bytes > 25_000
    assert len(run.frames.accesses.query("event == 'hit'")) == after.work["hits"]


def test_it_is_a_workload_by_its_name(tmp_path: Path) -> None:
    (reads,) = READ_WORKLOADS["tune"]
    baseline, optimized = reads.arms(tmp_path)
    assert (baseline.name, optimized.name, baseline.inputs) == ("baseline", "optimized", optimized.inputs)
