"""Setting the tiers better: in phases, each proved on accesses that it was not chosen by, and applied only then."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tuned_cases import VALUE, loop_and_hot, observed_of, zipf_keys

from perflab.errors import StoreError
from perflab.optimize.memory import Terms, improve_memory, knobs
from perflab.optimize.setting import MemorySetting

BAD = MemorySetting("lru", 10 * VALUE, 10 * VALUE, 3600.0)
TERMS = Terms(limit_bytes=200 * VALUE)


def improved(observed, present=BAD, terms=TERMS, **options):
    applied: list[MemorySetting] = []
    return improve_memory(observed, present, terms, applied.append, **options), applied


def test_a_bad_setting_is_improved_step_by_step_and_each_step_has_its_numbers():
    found, applied = improved(observed_of(loop_and_hot(6_000), prices=0.01))
    assert [row["verdict"] for row in found.rows] == ["confirmed"] * len(found.rows)
    assert {row["knob"] for row in found.rows} == {"cache.l1_bytes", "cache.l1_policy"}
    assert len(applied) == len(found.phases) == len(found.rows)
    assert applied[-1] == found.present == found.watch.new
    assert found.watch.old == BAD
    for row in found.rows:
        assert row["low"] <= row["measured"] <= row["high"]
        assert row["predicted_low"] <= row["predicted"] <= row["predicted_high"]
        assert row["measured"] == pytest.approx(row["predicted"], rel=0.2)
        assert row["measured"] > row["before"]
        assert row["prediction"].startswith("simulated")
        assert (row["noise_floor"], row["unit"]) == (0.0, "s")
    for earlier, later in itertools.pairwise(found.rows):
        assert later["before"] == pytest.approx(earlier["measured"])


def test_a_good_setting_stays_and_that_is_said():
    found, applied = improved(observed_of(np.arange(2_000) % 15), MemorySetting("lru", 100 * VALUE, 0, 60.0))
    (row,) = found.rows
    assert (row["verdict"], applied, found.watch) == ("no change", [], None)
    assert "no significant change" in row["reason"]


@pytest.mark.parametrize("count", [0, 199])
def test_too_few_accesses_are_not_enough_data(count):
    found, applied = improved(observed_of(np.zeros(count, dtype=int)))
    (row,) = found.rows
    assert (row["verdict"], applied) == ("not enough data", [])
    assert str(count) in row["reason"]


def test_a_gain_of_the_past_that_is_over_is_not_applied():
    """The first part is a loop that larger caches hold; the rest is read once, where no cache helps."""
    keys = np.concatenate([np.arange(3_000) % 60, 10_000 + np.arange(2_000)])
    found, applied = improved(observed_of(keys), terms=Terms(limit_bytes=70 * VALUE))
    assert [row["verdict"] for row in found.rows] == ["indistinguishable"] * len(found.rows)
    assert (applied, found.present) == ([], BAD)
    assert found.rows[0]["predicted"] > 0.9 > found.rows[0]["measured"]


def test_policies_over_keys_that_are_wanted_alike_are_not_changed():
    for seed in range(5):
        keys = np.random.default_rng(seed).integers(0, 400, 6_000)
        found, applied = improved(observed_of(keys), MemorySetting("lru", 200 * VALUE, 0, 3600.0), Terms(200 * VALUE))
        assert applied == []
        assert {row["verdict"] for row in found.rows} <= {"indistinguishable", "no change"}


def test_a_longer_time_to_live_stays_within_the_users_bound():
    keys = np.arange(4_000) % 150
    present = MemorySetting("lru", 20 * VALUE, 180 * VALUE, 100.0)
    fixed, _ = improved(observed_of(keys), present, Terms(200 * VALUE, band_ratio=0.99))
    assert "cache.l2_ttl_s" not in {row["knob"] for row in fixed.rows}
    found, applied = improved(observed_of(keys), present, Terms(200 * VALUE, longest_ttl_s=500.0))
    assert applied[-1].l2_ttl_s <= 500.0
    assert found.present.nbytes <= 200 * VALUE


def test_what_cannot_be_applied_is_taken_back_and_the_rest_goes_on():
    def refuse(_: MemorySetting) -> None:
        raise StoreError("The disk is full.")

    found = improve_memory(observed_of(loop_and_hot(4_000)), BAD, TERMS, refuse)
    assert {row["verdict"] for row in found.rows} == {"rolled back"}
    assert "The disk is full." in found.rows[0]["reason"]
    assert (found.present, found.watch) == (BAD, None)


@pytest.mark.parametrize("after", [0, 1, 40, 110, 125])
def test_whenever_it_is_cancelled_what_is_said_and_what_is_applied_agree(after):
    asked = itertools.count()
    found, applied = improved(observed_of(zipf_keys(3_000, 1)), cancelled=lambda: next(asked) >= after)
    confirmed = [row for row in found.rows if row["verdict"] == "confirmed"]
    assert len(confirmed) == len(applied)
    assert found.present == (applied[-1] if applied else BAD)
    assert found.rows


def test_knobs_are_named_by_their_paths_in_the_config():
    new = MemorySetting("sieve", 10 * VALUE, 5 * VALUE, 60.0)
    assert knobs(BAD, new) == [
        ("memory", "cache.l2_bytes", 10_000, 5_000),
        ("policy", "cache.l1_policy", "lru", "sieve"),
        ("time to live", "cache.l2_ttl_s", 3600.0, 60.0),
    ]
