"""The order of samples: balanced, mirrored, seeded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.bench.schedule import WARM_UP, blocks, isolated_batches, shared_batch

arms = st.integers(2, 6)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(arms, st.integers(0, 30), seeds)
def test_every_block_has_every_arm_once(k, n, seed):
    made = blocks(k, n, seed)
    assert [block.pair for block in made] == list(range(n))
    assert all(sorted(block.order) == list(range(k)) for block in made)


@settings(deadline=None, max_examples=50)
@given(arms, st.integers(1, 8), seeds)
def test_every_second_block_mirrors_the_one_before(k, couples, seed):
    made = blocks(k, 2 * couples, seed)
    for first, second in zip(made[::2], made[1::2], strict=True):
        assert first.order == second.order[::-1]
        places = [first.order.index(arm) + second.order.index(arm) for arm in range(k)]
        assert places == [k - 1] * k


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 8), seeds)
def test_two_arms_make_abba_and_baab_quads_in_turn(quads, seed):
    made = blocks(2, 2 * quads, seed)
    orders = ["".join("AB"[arm] for block in made[i : i + 2] for arm in block.order) for i in range(0, len(made), 2)]
    assert set(orders) <= {"ABBA", "BAAB"}
    for first, second in zip(orders[::2], orders[1::2], strict=False):
        assert first != second


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 30), seeds)
def test_each_arm_is_first_as_often_as_the_other(n, seed):
    made = blocks(2, n, seed)
    first = sum(block.order[0] == 0 for block in made)
    assert abs(2 * first - n) <= 2


def test_the_seed_decides_the_order():
    assert blocks(4, 20, seed=1) == blocks(4, 20, seed=1)
    assert len({blocks(4, 20, seed) for seed in range(10)}) == 10


def test_isolated_batches_take_one_sample_each_and_warm_up_first():
    made = isolated_batches(range(3), 2, 7, "time", warmups=1)
    assert [len(batch.slots) for batch in made] == [1] * 9
    assert [batch.slots[0].pair for batch in made] == [WARM_UP] * 3 + [0] * 3 + [1] * 3
    assert [batch.slots[0].position for batch in made] == [0, 1, 2] * 3


def test_isolated_batches_may_leave_arms_out():
    made = isolated_batches([0, 2], 3, 7, "memory")
    assert [{slot.arm for slot in (*made[i].slots, *made[i + 1].slots)} for i in (0, 2, 4)] == [{0, 2}] * 3


def test_a_shared_batch_groups_samples_by_quads():
    batch = shared_batch(2, quads=4, seed=7, first=8)
    assert [len(group) for group in batch.groups] == [4] * 5
    assert {slot.pair for slot in batch.groups[0]} == {WARM_UP}
    assert [slot.pair for slot in batch.slots[4:]] == [pair for pair in range(8, 16) for _ in "AB"]
