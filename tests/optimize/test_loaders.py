"""Loaders that may be called ahead: declared ones, and no others."""

from __future__ import annotations

import pytest

from perflab.errors import ConfigError
from perflab.optimize.loaders import Loaders


@pytest.mark.parametrize("said", [False, None, 1, "yes"])
def test_only_a_declared_loader_is_taken(said):
    loaders = Loaders()
    with pytest.raises(ConfigError, match="side_effect_free is"):
        loaders.register("page-", len, side_effect_free=said)
    assert loaders.find("page-1") is None


def test_a_rule_takes_keys_of_any_kind_and_the_first_one_wins():
    loaders = Loaders()
    loaders.register(lambda key: isinstance(key, tuple), len, side_effect_free=True, ttl=5, tier="l1")
    loaders.register(lambda _: True, str, side_effect_free=True)
    first, second = loaders.find(("a", "b")), loaders.find(7)
    assert (first.loader(), first.terms.ttl, first.terms.tier) == (2, 5, "l1")
    assert second.loader() == "7"


@pytest.mark.parametrize("terms", [{"ttl": -1}, {"tier": "l9"}, {"cost": "much"}])
def test_wrong_terms_are_refused(terms):
    with pytest.raises(ConfigError):
        Loaders().register("page-", len, side_effect_free=True, **terms)


@pytest.mark.parametrize(
    ("keys", "loader", "message"),
    [(None, len, "keys is None; it must be a prefix"), ("page-", None, "The loader is None; it must be a function")],
)
def test_what_loads_nothing_is_refused_when_it_is_registered(keys, loader, message):
    with pytest.raises(ConfigError, match=message):
        Loaders().register(keys, loader, side_effect_free=True)
