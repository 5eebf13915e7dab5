"""Settings from a TOML file and from the environment.

In: a path, a mapping of environment variables. Out: nested mappings for `Config`, not yet validated.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from perflab.errors import ConfigError
from perflab.regular import read_regular

__all__ = ["ALIASES", "read_environment", "read_toml", "variables"]

PREFIX = "PERFLAB_"
_MOST_BYTES = 1_000_000
ALIASES: Mapping[str, tuple[str, ...]] = {
    "PERFLAB_AUTO_OPTIMIZE": ("enable_auto_optimization",),
    "PERFLAB_CACHE_SIZE": ("cache_targets", "max_memory_bytes"),
    "PERFLAB_PARALLEL_OPS": ("max_parallel_operations",),
}


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the settings of a TOML file, or of its `[tool.perflab]` table if it has one.

    Raises
    ------
    ConfigError
        If the file cannot be read, or is no TOML.
    """
    try:
        content = tomllib.loads(read_regular(path, _MOST_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"The config file {str(path)!r} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The config file {str(path)!r} is no valid TOML: {error}.") from error
    tool = content.get("tool")
    own = tool.get("perflab") if isinstance(tool, dict) else None
    return own if isinstance(own, dict) else content


def read_environment(model: type[BaseModel], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of all `PERFLAB_*` variables; nested fields are joined by two underscores.

    Lists are written as JSON. A short name such as `PERFLAB_CACHE_SIZE` gives way to the full one. An empty variable
    counts as not set.

    Raises
    ------
    ConfigError
        If a variable with the prefix names no setting.
    """
    known = variables(model)
    settings: dict[str, Any] = {}
    for name, text in sorted(environ.items(), key=lambda item: (item[0] not in ALIASES, item[0])):
        if not name.startswith(PREFIX) or not text.strip():
            continue
        if name not in known:
            raise ConfigError(f"{name} names no setting; unset it, or use one such as PERFLAB_CACHE_TARGETS__HIT_RATE.")
        _place(settings, known[name], _value(text))
    return settings


def variables(model: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Return each environment variable that is understood and the path of the field that it sets."""
    known = {PREFIX + "__".join(path).upper(): path for path in _paths(model)}
    return known | dict(ALIASES)


def _paths(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        nested = _model_in(field.annotation)
        if nested is None:
            yield (*above, name)
        else:
            yield from _paths(nested, (*above, name))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    candidates = (annotation, *get_args(annotation))
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _value(text: str) -> Any:
    # Only JSON containers are decoded: pydantic reads numbers, switches and sizes from text itself.
    if text.strip()[:1] not in ("[", "{"):
        return text.strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _place(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        settings = settings.setdefault(part, {})
    settings[path[-1]] = value
