"""Choosing among settings: simulated savings are those of live caches, and every search finds what the grid finds."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuned_cases import VALUE, loop_and_hot, observed_of, zipf_keys

from perflab.errors import ConfigError, PerflabError
from perflab.optimize.replay import replayed
from perflab.optimize.setting import POLICIES, MemorySetting, candidates
from perflab.optimize.tune import Forecaster, tune

PRESENT = MemorySetting("lru", 20 * VALUE, 20 * VALUE, 3600.0)


def test_the_candidates_keep_the_bounds_and_begin_with_the_present_setting():
    found = candidates(PRESENT, 100_000, longest_ttl_s=60.0)
    assert found[0] == PRESENT
    assert len(set(found)) == len(found)
    assert {setting.l1_policy for setting in found} == set(POLICIES)
    for setting in found[1:]:
        assert setting.nbytes <= 100_000
        assert setting.l2_ttl_s <= 60.0
    assert {setting.l2_ttl_s for setting in candidates(PRESENT, 100_000)} == {PRESENT.l2_ttl_s}


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(POLICIES),
    st.integers(1, 80),
    st.integers(0, 80),
    st.sampled_from([30.0, 200.0, 1e6]),
    st.integers(0, 5),
)
def test_what_is_forecast_is_what_live_caches_save(policy, first, behind, ttl_s, seed):
    observed = observed_of(zipf_keys(600, seed, objects=150), prices=0.01)
    setting = MemorySetting(policy, first * VALUE, behind * VALUE, ttl_s)
    (waits,) = replayed(observed, [setting], start=300)
    assert Forecaster(observed).saved(setting) == pytest.approx(float((0.01 - waits).mean()))


@pytest.mark.parametrize("search", ["halving", "optuna"])
@pytest.mark.parametrize("kind", ["zipf", "loop and hot"])
def test_a_search_finds_what_saves_as_much_as_the_best_of_the_grid(search, kind):
    if search == "optuna":
        pytest.importorskip("optuna")
    keys = zipf_keys(45_000, 3, objects=9_000) if kind == "zipf" else loop_and_hot(45_000)
    prices = np.random.default_rng(4).exponential(0.01, 10_000)[keys]
    forecaster = Forecaster(observed_of(keys, prices=prices))
    choice = candidates(PRESENT, 1_000 * VALUE if kind == "zipf" else 200 * VALUE)
    best = tune(forecaster, choice, search="grid")
    found = tune(forecaster, choice, search=search)
    assert found.saved >= 0.995 * best.saved
    assert best.saved == max(map(forecaster.saved, choice)) or best.saved >= 0.999 * max(map(forecaster.saved, choice))
    assert found.low <= found.saved <= found.high


def test_of_settings_that_save_alike_the_present_one_stays():
    forecaster = Forecaster(observed_of(np.arange(10).repeat(40)))
    assert tune(forecaster, candidates(PRESENT, 1_000 * VALUE)).setting == PRESENT


def test_what_changes_least_and_takes_least_memory_is_preferred():
    keys = np.tile(np.arange(30), 100)
    found = tune(Forecaster(observed_of(keys)), candidates(MemorySetting("lru", 5_000, 0, 60.0), 80 * VALUE)).setting
    assert (found.l1_policy, found.nbytes) == ("lru", 40 * VALUE)


def test_a_longer_time_to_live_within_the_bound_is_found():
    keys = np.tile(np.arange(60), 30)
    present = MemorySetting("lru", 10 * VALUE, 60 * VALUE, 20.0)
    only = [present, *(MemorySetting("lru", 10 * VALUE, 60 * VALUE, life) for life in (40.0, 100.0))]
    assert tune(Forecaster(observed_of(keys)), only).setting.l2_ttl_s == 100.0


def test_a_cancelled_search_returns_the_best_so_far():
    asked = itertools.count()
    forecaster = Forecaster(observed_of(zipf_keys(2_000, 3)))
    choice = candidates(PRESENT, 300 * VALUE)
    assert tune(forecaster, choice, search="grid", cancelled=lambda: True).setting == PRESENT
    some = tune(forecaster, choice, search="grid", cancelled=lambda: next(asked) > 10).setting
    assert forecaster.saved(some) >= forecaster.saved(PRESENT)


def test_an_unknown_search_is_refused_and_a_missing_optuna_is_named(monkeypatch):
    forecaster = Forecaster(observed_of(zipf_keys(300, 3)))
    with pytest.raises(ConfigError, match="search is 'random'; it must be one of halving, grid, optuna"):
        tune(forecaster, [PRESENT], search="random")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(PerflabError, match=r"pip install 'perflab\[optuna\]'"):
        tune(forecaster, [PRESENT], search="optuna")
