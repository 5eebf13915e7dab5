from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from perflab import Config
from perflab.errors import ConfigError
from perflab.widgets.fields import Field, config_fields, control, nearest, shown, value_at


def leaves(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel):
            yield from leaves(nested, f"{above}{name}.")
        else:
            yield f"{above}{name}", field


def test_every_setting_has_one_control_with_its_meaning() -> None:
    known = dict(leaves(Config))
    fields = config_fields()
    assert sorted(field.path for field in fields) == sorted(known)
    assert all(field.about and field.label for field in fields)
    assert len({(field.group, field.label) for field in fields}) == len(fields)


@pytest.mark.parametrize("field", config_fields(), ids=lambda field: field.path)
def test_each_text_of_a_slider_is_allowed_and_gives_its_stop(field: Field) -> None:
    # Bounds between settings are aside: the tiers' room and what is allowed of it are changed together.
    room = {"max_memory_bytes": 1 << 50} if field.path.startswith("cache.l") else {}
    *above, name = field.path.split(".")
    for text, stop in list(zip(field.options, field.stops, strict=False))[:: max(1, len(field.stops) // 8)]:
        own = {above[0]: {name: text}} if above else {name: text}
        assert field.options[nearest(field, stop)] == text
        found = allowed({"cache_targets": room} | own if room else own)
        # Levels of relief are bound by each other, which no slider can know.
        is_right = value_at(found, field.path) == stop if isinstance(found, Config) else found.startswith("relief: ")
        assert is_right, found


def allowed(settings: dict[str, object]) -> Config | str:
    """Return the config, or what is wrong with it."""
    try:
        return Config(**settings)
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize("field", config_fields(), ids=lambda field: field.path)
def test_what_is_shown_can_be_given_back(field: Field) -> None:
    config = Config()
    value = value_at(config, field.path)
    text = shown(field, value)
    *above, name = field.path.split(".")
    given = None if text == "" and field.may_be_unset else text
    again = config.replace(**({above[0]: {name: given}} if above else {name: given}))
    assert value_at(again, field.path) == value


def test_controls_follow_the_kind_of_the_setting() -> None:
    kinds = {field.path: field.kind for field in config_fields()}
    assert kinds["cache.l1_bytes"] == kinds["cache.l2_ttl_s"] == kinds["cache_targets.hit_rate"] == "slider"
    assert kinds["cache.l1_policy"] == "choice"
    assert kinds["optimization_schedule.triggers"] == "choices"
    assert kinds["cache.l3_enabled"] == "switch"
    assert kinds["cache.l3_dir"] == "text"
    assert kinds["alerts.rules"] == "lines"


def test_sizes_are_on_a_log_scale_and_bounds_are_kept() -> None:
    field = control(
        "x_bytes", "", {"type": "integer", "minimum": 4096, "maximum": 1 << 28, "description": "room; bytes"}
    )
    assert (field.stops[0], field.stops[-1]) == (4096, 1 << 28)
    steps = [after / before for before, after in zip(field.stops, field.stops[1:], strict=False)]
    assert max(steps) <= 2.1
    assert len(field.stops) < 50
    open_end = control("pause_s", "", {"type": "number", "exclusiveMinimum": 0, "maximum": 10})
    assert 0 not in open_end.stops
