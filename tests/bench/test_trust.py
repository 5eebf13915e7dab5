"""Trials of known truth: as many as asked, in whole quads, with the truth found where it is large."""

from __future__ import annotations

from perflab.bench.trust import memory_grown, spin, trials
from perflab.record import Recorder


def test_trials_are_whole_quads_of_their_own_arms_and_find_what_is_there():
    recorder = Recorder()
    found = trials(2, 2.0, pairs=8, seed=4, recorder=recorder)
    assert [(comparison.pairs, comparison.verdict) for comparison in found] == [(8, "slower")] * 2
    rows = recorder.frames.samples
    assert len(rows) == 2 * 2 * 10
    order = list(rows["arm"])[:20]
    assert set(order) == {"a0", "b0"}
    assert all(order[at : at + 4] == order[at : at + 4][::-1] for at in range(0, 20, 4))


def test_memory_of_a_known_allocation():
    grown = memory_grown(30_000_000)
    assert grown is not None
    assert abs(grown - 30_000_000) < 3_000_000


def test_the_steps_are_all_done():
    assert spin(4) == 0 ^ 1 ^ 2 ^ 3
