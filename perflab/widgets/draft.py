"""A config that is being edited: what people typed, what is wrong with it, and the last config that was right.

In: a config, texts by the paths of settings. Out: the new config, or messages beside the fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perflab.config import Config
from perflab.errors import ConfigError
from perflab.widgets.fields import Field, Shown, config_fields, nearest, shown, value_at

__all__ = ["Draft"]


class Draft:
    """Settings in the making.

    Attributes
    ----------
    config : Config
        The last one in which everything was allowed.
    messages : dict
        What is wrong, by path; one sentence of the validator each.

    Examples
    --------
    >>> draft = Draft(Config())
    >>> draft.edit({"cache_targets.hit_rate": "0.9", "benchmark.pairs": "none"})
    >>> draft.config.cache_targets.hit_rate, draft.config.benchmark.pairs
    (0.9, 6)
    >>> draft.messages
    {'benchmark.pairs': "benchmark.pairs is 'none'; allowed: a whole number."}
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.messages: dict[str, str] = {}
        self._fields = {field.path: field for field in config_fields()}

    @property
    def values(self) -> dict[str, Shown]:
        """What the controls show for the config."""
        return {path: shown(field, value_at(self.config, path)) for path, field in self._fields.items()}

    @property
    def positions(self) -> dict[str, int]:
        """Where the sliders stand."""
        sliders = (field for field in self._fields.values() if field.kind == "slider")
        return {field.path: nearest(field, self._effective(field)) for field in sliders}

    def edit(self, values: Mapping[str, Shown]) -> None:
        """Take what the controls show; all of it if that is allowed together, else what is."""
        before = self.values
        edits = {path: value for path, value in values.items() if value != before[path]}
        self.messages = {}
        if not edits or self._take(edits) is None:
            return
        for path, value in edits.items():
            problem = self._take({path: value})
            if problem is not None:
                self.messages[path] = problem

    def moved(self, before: Config, after: Config) -> Draft:
        """Return a draft of another config with the same edits, but for what is not allowed there or was changed."""
        old, made = Draft(before).values, Draft(after)
        new = made.values
        edits = {path: value for path, value in self.values.items() if value != old[path] == new[path]}
        made.edit({**new, **edits})
        made.messages = {}
        return made

    def _take(self, edits: Mapping[str, Shown]) -> str | None:
        try:
            self.config = self.config.replace(**_nested({p: self._given(p, value) for p, value in edits.items()}))
        except ConfigError as error:
            return str(error)
        return None

    def _given(self, path: str, value: Shown) -> Any:
        field = self._fields[path]
        if not isinstance(value, str):
            return value
        text = value.strip()
        return None if not text and field.may_be_unset else text

    def _effective(self, field: Field) -> Any:
        """Return the value of a setting; for the memory tiers and the workers what unset means."""
        value = value_at(self.config, field.path)
        worked_out = {"cache.l1_bytes": "l1_bytes", "cache.l2_bytes": "l2_bytes", "parallel.workers": "workers"}
        return getattr(self.config, worked_out[field.path]) if value is None and field.path in worked_out else value


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, value in values.items():
        *above, name = path.split(".")
        at = made
        for part in above:
            at = at.setdefault(part, {})
        at[name] = value
    return made
