from __future__ import annotations

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from perflab import Config
from perflab.config.write import changed_settings, to_code, to_toml

SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_parallel_operations": st.integers(1, 256),
        "cache_warming_enabled": st.booleans(),
        "cache": st.fixed_dictionaries(
            {},
            optional={
                "l1_policy": st.sampled_from(["lru", "sieve", "gdsf"]),
                "l1_bytes": st.integers(0, 100),
                "l2_ttl_s": st.floats(0.001, 1e6),
                "l3_dir": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
            },
        ),
        "optimization_schedule": st.fixed_dictionaries(
            {}, optional={"triggers": st.lists(st.sampled_from(["scheduled", "cache_miss"])).map(tuple)}
        ),
    },
)


@given(settings=SETTINGS)
def test_what_is_written_gives_the_same_config_back(settings: dict[str, object]) -> None:
    config = Config(**settings)
    assert eval(to_code(config), {"Config": Config}) == config  # noqa: S307
    assert Config(**tomllib.loads(to_toml(config))) == config


def test_a_file_is_read_by_load(tmp_path: Path) -> None:
    config = Config(cache={"l3_dir": tmp_path / 'a "quoted"\\name\x7f\u2028'}, benchmark={"seed": 7})
    file = tmp_path / "perflab.toml"
    file.write_text(to_toml(config), "utf-8")
    assert Config.load(file, environ={}) == config


def test_the_default_is_an_empty_file() -> None:
    assert (to_toml(Config()), to_code(Config()), changed_settings(Config())) == ("", "Config()", {})
