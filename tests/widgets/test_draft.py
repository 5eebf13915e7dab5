from __future__ import annotations

from perflab import Config
from perflab.widgets.draft import Draft


def test_what_is_not_allowed_is_told_beside_its_field_and_changes_nothing() -> None:
    draft = Draft(Config())
    draft.edit({"cache_targets.hit_rate": "1.7", "benchmark.pairs": "12"})
    assert draft.config == Config(benchmark={"pairs": 12})
    assert list(draft.messages) == ["cache_targets.hit_rate"]
    assert draft.messages["cache_targets.hit_rate"].startswith("cache_targets.hit_rate is '1.7'; allowed: less than")


def test_settings_that_are_allowed_only_together_are_taken_together() -> None:
    draft = Draft(Config())
    draft.edit({"cache.l1_bytes": "150 MiB"})
    assert "together" in draft.messages["cache.l1_bytes"]
    assert draft.config == Config()
    draft.edit({"cache.l1_bytes": "150 MiB", "cache_targets.max_memory_bytes": "200 MiB"})
    assert draft.messages == {}
    assert draft.config.l1_bytes == 150 * 1024**2


def test_an_empty_text_unsets_what_may_be_unset_and_nothing_else() -> None:
    draft = Draft(Config(cache={"l1_bytes": "10 MB"}))
    draft.edit({"cache.l1_bytes": " ", "benchmark.pairs": ""})
    assert draft.config.cache.l1_bytes is None
    assert list(draft.messages) == ["benchmark.pairs"]


def test_lists_and_switches_are_taken_as_they_are() -> None:
    draft = Draft(Config())
    draft.edit({"optimization_schedule.triggers": ["scheduled"], "cache.l3_enabled": False})
    assert draft.config.optimization_schedule.triggers == ("scheduled",)
    assert draft.config.cache.l3_enabled is False


def test_the_same_texts_change_nothing() -> None:
    draft = Draft(Config(cache={"l1_bytes": 123_457}))
    before = draft.config
    draft.edit(draft.values)
    assert draft.config is before
