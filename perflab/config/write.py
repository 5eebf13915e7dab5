"""A config as others read it: a TOML file, or a line of Python.

In: a `Config`. Out: text that gives the same config back, with the settings alone that differ from the defaults.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from perflab.config.model import Config

__all__ = ["changed_settings", "to_code", "to_toml"]


def changed_settings(config: Config) -> dict[str, Any]:
    """Return the settings that differ from the defaults, nested as keywords are; what is unset by default stays out.

    Examples
    --------
    >>> changed_settings(Config(cache={"l1_policy": "sieve", "l1_bytes": "10MB"}))
    {'cache': {'l1_bytes': 10000000, 'l1_policy': 'sieve'}}
    """
    return _changed(config.model_dump(mode="json"), Config().model_dump(mode="json"))


def to_code(config: Config) -> str:
    """Return the call that makes the config.

    Examples
    --------
    >>> print(to_code(Config(max_parallel_operations=4, cache={"l1_policy": "sieve"})))
    Config(
        max_parallel_operations=4,
        cache={'l1_policy': 'sieve'},
    )
    """
    settings = changed_settings(config)
    lines = "".join(f"    {name}={value!r},\n" for name, value in settings.items())
    return f"Config(\n{lines})" if lines else "Config()"


def to_toml(config: Config) -> str:
    """Return the text of a file that `Config.load` reads.

    Examples
    --------
    >>> print(to_toml(Config(max_parallel_operations=4, cache={"l1_policy": "sieve"})), end="")
    max_parallel_operations = 4
    <BLANKLINE>
    [cache]
    l1_policy = "sieve"
    """
    settings = changed_settings(config)
    plain = {name: value for name, value in settings.items() if not isinstance(value, Mapping)}
    tables = ((name, value) for name, value in settings.items() if isinstance(value, Mapping))
    parts = ["".join(_lines(plain)), *(f"[{name}]\n{''.join(_lines(table))}" for name, table in tables)]
    return "\n".join(part for part in parts if part)


def _changed(own: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in own.items():
        if isinstance(value, Mapping):
            nested = _changed(value, default[name])
            found |= {name: nested} if nested else {}
        elif value != default[name]:
            found[name] = value
    return found


def _lines(settings: Mapping[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        # JSON's texts, numbers and lists are TOML's too, but for one character that TOML wants escaped.
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
