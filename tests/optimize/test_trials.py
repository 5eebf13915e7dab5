"""The arms of the workloads prefetch and warm give the same output, and record what they read."""

from __future__ import annotations

import pytest

from perflab import open_run
from perflab.optimize import trials

QUICK = {"load_s": 0.0, "think_s": 0.0}


def reads_of(run):
    accesses = open_run(run).frames.accesses
    return accesses, accesses[accesses["event"].isin(["hit", "miss"])]


@pytest.mark.parametrize("name", ["correlated", "strides"])
def test_prefetching_changes_no_output(tmp_path, name):
    program = {"name": name, "accesses": 600, "size": 0.05, **QUICK}
    plain = trials.plain_reads(run=str(tmp_path / "plain"), **program)
    helped = trials.prefetched_reads(run=str(tmp_path / "helped"), **program)
    assert plain.digest == helped.digest
    for outcome in (plain, helped):
        assert len(reads_of(outcome.run_dir)[1]) == 600


def test_a_warm_start_loads_nothing_again_and_changes_no_output(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "_RESTART_READS", (1_500, 2_000))
    (tmp_path / "scratch").mkdir()
    folders = trials.ended_before(str(tmp_path / "scratch"))
    cold = trials.cold_start(run=str(tmp_path / "cold"), out=str(tmp_path / "empty"), **QUICK)
    warm = trials.warm_start(run=folders["run"], store=folders["store"], **QUICK)
    assert cold.digest == warm.digest
    accesses, reads = reads_of(folders["run"])
    known = set(accesses.loc[accesses["event"] == "warm", "key"])
    assert len(known) > 0
    assert not known & set(accesses.loc[accesses["event"] == "load", "key"])
    assert (reads["event"] == "hit").mean() > (reads_of(cold.run_dir)[1]["event"] == "hit").mean()
