"""What people write by hand: config files, variables of the environment, targets, rules of alerts."""

from __future__ import annotations

import contextlib
import math
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from fuzzing import fuzzer, mutated
from hypothesis import strategies as st

from perflab import Config
from perflab.analyze.expression import UNITS, parse
from perflab.analyze.rule import parse_rule
from perflab.config.load import variables
from perflab.config.write import to_code, to_toml
from perflab.errors import ConfigError

from test_write import SETTINGS  # isort: skip  # on the path since `fuzzing` was imported

SCRATCH = Path(tempfile.mkdtemp(prefix="perflab-fuzz-"))
VARIABLES = sorted(variables(Config))
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["10 GBB", "1e400 MB", "-5MB", "50MiB", "nan", "inf", "1_000", "٣", "", "lru"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=6), parts, max_size=3),
    max_leaves=6,
)
NAMES = {name: field.annotation for name, field in Config.model_fields.items()}
NESTED = {
    name: sorted(annotation.model_fields) for name, annotation in NAMES.items() if hasattr(annotation, "model_fields")
}


def _within(name: str) -> st.SearchStrategy[Any]:
    inner = NESTED.get(name)
    return JUNK if inner is None else JUNK | st.dictionaries(st.sampled_from(inner), JUNK, max_size=3)


ANY = st.lists(
    st.sampled_from(sorted(NAMES)).flatmap(lambda name: st.tuples(st.just(name), _within(name))), max_size=4
).map(dict)
FILES = SETTINGS.map(lambda settings: to_toml(Config(**settings)).encode())
WORDS = [
    "cache.hit_rate",
    "memory.peak",
    "<",
    ">=",
    "90%",
    "150 MB",
    "1e400",
    "10 ms",
    "for",
    "5 min",
    ",",
    "again after",
    "30 min",
    "٣",
    " ",
    "\n",
]
LINES = st.text(max_size=40) | st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=9).map(" ".join)


@fuzzer(settings=ANY | SETTINGS)
def settings_of_code(settings: dict[str, Any]) -> None:
    """A config is made, and comes back from its own text, or the settings are refused."""
    with contextlib.suppress(ConfigError):
        config = Config(**settings)
        assert Config(**tomllib.loads(to_toml(config))) == config
        assert eval(to_code(config), {"Config": Config, "inf": math.inf}) == config  # noqa: S307 (what it wrote itself)


@fuzzer(content=mutated(FILES) | st.binary(max_size=60))
def settings_of_files(content: bytes) -> None:
    """The same for a file."""
    path = SCRATCH / "perflab.toml"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        config = Config.load(path, environ={})
        assert Config(**tomllib.loads(to_toml(config))) == config


@fuzzer(
    environ=st.dictionaries(
        st.sampled_from(VARIABLES) | st.text(max_size=6).map("PERFLAB_".__add__), JUNK.map(str), max_size=4
    )
)
def settings_of_the_environment(environ: dict[str, str]) -> None:
    """The same for variables."""
    with contextlib.suppress(ConfigError):
        config = Config.load(environ=environ)
        assert Config(**tomllib.loads(to_toml(config))) == config


@fuzzer(text=LINES)
def targets(text: str) -> None:
    """A target is a finite bound in a base unit, or is refused."""
    with contextlib.suppress(ConfigError):
        found = parse(text)
        assert found.unit in {base for base, _ in UNITS.values()}
        assert math.isfinite(found.bound)
        assert found.judge(math.nan, math.nan) == "unclear"
        assert parse(found.text) == found


@fuzzer(text=LINES)
def rules(text: str) -> None:
    """A rule of an alert has finite seconds, or is refused."""
    with contextlib.suppress(ConfigError):
        found = parse_rule(text)
        assert 0 <= found.for_s < math.inf
        assert 0 <= found.again_s < math.inf
        assert parse_rule(found.text) == found
