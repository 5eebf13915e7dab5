"""Targets of the user's own, in a TOML file.

In: a file with a list `targets`. Out: `Target`s to be judged beside the guide's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from perflab.analyze.targets import Target, user_targets
from perflab.config.load import read_toml
from perflab.errors import ConfigError

__all__ = ["read_targets"]


def read_targets(path: str | os.PathLike[str]) -> tuple[Target, ...]:
    """Return the targets of a TOML file, or of its `[tool.perflab]` table: `targets = ["cache.hit_rate > 0.90", ...]`.

    Raises
    ------
    ConfigError
        If the file cannot be read, has no such list, or an expression in it cannot be read.
    """
    found: Any = read_toml(path).get("targets")
    if not isinstance(found, list) or not found or not all(isinstance(text, str) for text in found):
        raise ConfigError(
            f"The targets file {str(path)!r} has targets = {found!r}; write a list such as "
            'targets = ["cache.hit_rate > 0.90", "memory.peak < 150 MB"].'
        )
    return user_targets(found, f"file: {Path(path).name}")
