"""The tiers are built as the config says."""

from __future__ import annotations

from typing import Any

import pytest
from tiered_cases import Clock

from perflab import Config
from perflab.cache import POLICIES, build_tiers
from perflab.config.cache import Policy
from perflab.errors import ConfigError


def test_the_config_knows_every_policy() -> None:
    assert set(Policy.__args__) == set(POLICIES)  # type: ignore[attr-defined]  # a Literal has its values there


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_chosen_by_name(policy: Any) -> None:
    config = Config(cache={"l3_enabled": False, "l1_policy": policy, "l2_policy": policy, "l1_entries": 2})
    with build_tiers(config) as cache:
        cache.update(a=1, b=2, c=3)
        assert (len(cache.l1), len(cache.l2), len(cache)) == (2, 1, 3)
        assert {type(tier._stock.order) for tier in (cache.l1, cache.l2)} == {POLICIES[policy]}


def test_bounds_of_entries_and_sliding_are_the_configs() -> None:
    clock = Clock()
    config = Config(cache={"l3_enabled": False, "l1_entries": 0, "l2_entries": 2, "l2_sliding": True, "l2_ttl_s": 10})
    with build_tiers(config, timer=clock) as cache:
        cache.update(a=1, b=2, c=3)
        assert sorted(cache) == ["b", "c"]
        clock.now += 8
        assert cache.l2.get("b") == 2
        clock.now += 8
        assert list(cache) == ["b"]


def test_no_other_policy_is_accepted() -> None:
    with pytest.raises(ConfigError, match=r"l1_policy.*mru"):
        Config(cache={"l1_policy": "mru"})
