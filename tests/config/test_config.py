from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from perflab.config import Config
from perflab.config.load import ALIASES, variables
from perflab.errors import ConfigError

MiB = 1024 * 1024


def fields(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{above}{name}.")
        else:
            yield above + name, name, field


def test_the_defaults_are_the_guides() -> None:
    config = Config()
    assert config.cache_targets.model_dump() == {
        "hit_rate": 0.95,
        "max_memory_bytes": 100 * MiB,
        "max_response_time_s": 0.5,
        "max_ttl_s": None,
    }
    assert (config.max_parallel_operations, config.streaming_threshold_bytes) == (8, 5 * MiB)
    assert config.optimization_schedule.interval_s == 300
    assert config.optimization_schedule.triggers == ("memory_pressure", "cache_miss", "scheduled")
    assert config.thresholds.model_dump() == {
        "large_file_bytes": MiB,
        "memory_pressure_bytes": 80 * MiB,
        "cpu_pressure_ratio": 0.75,
        "cache_miss_ratio": 0.2,
        "degradation_ratio": 0.25,
    }
    assert config.relief.levels == (0.60, 0.70, 0.80, 0.90, 0.95)
    assert (config.relief.samples, config.relief.cooldown_s) == (2, 30.0)


def test_a_partial_override_keeps_its_siblings() -> None:
    config = Config(cache_targets={"hit_rate": 0.90}).replace(cache_targets={"max_memory_bytes": "50MB"})
    assert config.cache_targets.model_dump() == {
        "hit_rate": 0.90,
        "max_memory_bytes": 50_000_000,
        "max_response_time_s": 0.5,
        "max_ttl_s": None,
    }


def test_replace_takes_settings_objects_too() -> None:
    monitoring = Config(resource_monitoring={"interval_s": 5}).resource_monitoring
    config = Config(resource_monitoring={"cpu_threshold_ratio": 0.8}).replace(resource_monitoring=monitoring)
    assert (config.resource_monitoring.interval_s, config.resource_monitoring.cpu_threshold_ratio) == (5, 0.8)


def test_a_config_does_not_change() -> None:
    with pytest.raises(ConfigError, match=r"use config\.replace\(max_parallel_operations=\.\.\.\)"):
        Config().max_parallel_operations = 3
    with pytest.raises(ConfigError, match="does not change"):
        Config().cache.l1_bytes = 3


def test_every_number_says_its_unit_and_every_field_what_it_means() -> None:
    units = {"bytes": "bytes", "s": "seconds", "ratio": "ratio"}
    for path, name, field in fields(Config):
        assert field.description, path
        suffix = name.rsplit("_", 1)[-1]
        if suffix in units:
            assert units[suffix] in field.description, path


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cache_targets": {"hit_rate": 1.2}}, "cache_targets.hit_rate is 1.2; allowed: less than or equal to 1."),
        ({"cache_targets": {"hit_rate": float("nan")}}, "cache_targets.hit_rate is nan"),
        ({"max_parallel_operations": -1}, "max_parallel_operations is -1; allowed: greater than or equal to 1."),
        ({"cache": {"l1_bytes": "10 GBB"}}, "cache.l1_bytes: '10 GBB' is not a size"),
        ({"cache": {"l1_bytes": -5}}, "cache.l1_bytes: -5 is not a size"),
        ({"cach": {}}, "cach is no setting; did you mean 'cache'."),
        ({"cache": {"l4_bytes": 1}}, "cache.l4_bytes is no setting; did you mean"),
        (
            {"optimization_schedule": {"triggers": ["x"]}},
            "optimization_schedule.triggers.0 is 'x'; allowed: 'memory_pr",
        ),
        ({"resource_monitoring": {"interval_s": float("inf")}}, "resource_monitoring.interval_s is inf; allowed:"),
        ({"max_parallel_operations": True}, "max_parallel_operations: True is no number"),
        ({"cache_warming_enabled": "maybe"}, "cache_warming_enabled is 'maybe'; allowed: true or false."),
        ({"optimization_schedule": {"triggers": 3}}, "optimization_schedule.triggers is 3; allowed: a list."),
        ({"relief": {"shrink_ratio": 0.5}}, "(0.6, 0.5, 0.8, 0.9, 0.95); allowed: each no lower than the one before"),
        ({"relief": {"samples": 0}}, "relief.samples is 0; allowed: greater than or equal to 1."),
        ({"thresholds": {"degradation_ratio": 0}}, "thresholds.degradation_ratio is 0; allowed: greater than 0."),
        ({"cache": 3}, "cache is 3; allowed: a table of settings."),
        (
            {"chunks": {"max_bytes": "1kB", "window_bytes": "1kB"}},
            "chunks.window_bytes is 1000; allowed: greater than",
        ),
        ({"cache": {"l1_bytes": "1GB"}}, "1000000000 bytes together; allowed are cache_targets.max_memory_bytes = "),
    ],
)
def test_a_wrong_value_says_field_value_and_what_is_allowed(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        Config(**settings)


@pytest.mark.parametrize(
    ("cache", "l1_bytes", "l2_bytes"),
    [
        ({}, 50, 50),
        ({"l1_bytes": 80}, 80, 20),
        ({"l2_bytes": 80}, 20, 80),
        ({"l1_bytes": 10, "l2_bytes": 20}, 10, 20),
        ({"l1_bytes": 0}, 0, 100),
    ],
)
def test_the_memory_tiers_share_the_memory(cache: dict[str, int], l1_bytes: int, l2_bytes: int) -> None:
    config = Config(cache_targets={"max_memory_bytes": 100}, cache=cache)
    assert (config.l1_bytes, config.l2_bytes) == (l1_bytes, l2_bytes)


def test_no_parallel_processing_means_one_worker() -> None:
    assert Config(parallel_processing_enabled=False, parallel={"workers": 7}).workers == 1


def test_workers_stay_below_the_parallel_operations() -> None:
    assert Config(max_parallel_operations=3, parallel={"workers": 7}).workers == 3


def test_file_then_environment_then_keywords(tmp_path: Path) -> None:
    path = tmp_path / "perflab.toml"
    path.write_text('max_parallel_operations = 2\n[cache_targets]\nhit_rate = 0.5\nmax_memory_bytes = "10MB"\n')
    environ = {"PERFLAB_CACHE_SIZE": "20MB", "PERFLAB_CACHE_TARGETS__HIT_RATE": "60%"}
    config = Config.load(path, environ=environ, cache_targets={"hit_rate": 0.7})
    assert config.cache_targets.hit_rate == 0.7
    assert config.cache_targets.max_memory_bytes == 20_000_000
    assert config.max_parallel_operations == 2


def test_settings_may_stand_in_a_pyproject(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "x"\n[tool.perflab]\nmax_parallel_operations = 5\n')
    assert Config.load(path, environ={}).max_parallel_operations == 5


@pytest.mark.parametrize("text", ["max_parallel = = 3", "\0"])
def test_a_malformed_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "perflab.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"perflab\.toml' is no valid TOML"):
        Config.load(path, environ={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml' cannot be read: No such file"):
        Config.load(tmp_path / "none.toml", environ={})


def test_the_guides_variables_work() -> None:
    environ = {"PERFLAB_AUTO_OPTIMIZE": "false", "PERFLAB_CACHE_SIZE": "100MB", "PERFLAB_PARALLEL_OPS": "8"}
    config = Config.load(environ=environ)
    assert config.enable_auto_optimization is False
    assert config.cache_targets.max_memory_bytes == 100_000_000
    assert config.max_parallel_operations == 8


def test_every_field_has_a_variable_that_sets_it() -> None:
    known = variables(Config)
    assert set(known.values()) == {tuple(path.split(".")) for path, _, _ in fields(Config)}
    samples = {"int": "3", "float": "0.5", "bool": "false"}
    others = {"window_bytes", "chunk_rows", "max_bytes", "shrink_ratio", "halve_ratio", "least_ratio", "flight_ratio"}
    for name, path in known.items():
        *sections, field = path
        default: Any = Config()
        for section in sections:
            default = getattr(default, section)
        text = samples.get(type(getattr(default, field)).__name__)
        if text is None or name in ALIASES or field in others:
            continue
        loaded: Any = Config.load(environ={name: text})
        for section in sections:
            loaded = getattr(loaded, section)
        assert getattr(loaded, field) == {"3": 3, "0.5": 0.5, "false": False}[text], name


def test_the_full_name_of_a_setting_wins_over_its_short_one() -> None:
    environ = {"PERFLAB_PARALLEL_OPS": "2", "PERFLAB_MAX_PARALLEL_OPERATIONS": "3"}
    assert Config.load(environ=environ).max_parallel_operations == 3
    environ = {"PERFLAB_CACHE_SIZE": "1MB", "PERFLAB_CACHE_TARGETS__MAX_MEMORY_BYTES": "2MB"}
    assert Config.load(environ=environ).cache_targets.max_memory_bytes == 2_000_000


def test_lists_are_written_as_json_in_a_variable() -> None:
    config = Config.load(environ={"PERFLAB_OPTIMIZATION_SCHEDULE__TRIGGERS": '["scheduled"]'})
    assert config.optimization_schedule.triggers == ("scheduled",)


def test_an_unknown_variable_is_named_and_an_empty_one_is_unset() -> None:
    assert Config.load(environ={"PERFLAB_CACHE_SIZE": " "}) == Config()
    with pytest.raises(ConfigError, match="PERFLAB_CASH_SIZE names no setting"):
        Config.load(environ={"PERFLAB_CASH_SIZE": "1"})
