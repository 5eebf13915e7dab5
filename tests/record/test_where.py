from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from record_tables import START, accesses, table

from perflab.errors import ConfigError
from perflab.record.where import Where, check_names

BEGIN = dt.datetime.fromtimestamp(START / 1e6, dt.UTC)
SECOND = 1_000_000


def seconds(where: Where, rows: int = 30) -> list[int]:
    found = where.between(START, START + (rows - 1) * SECOND).filtered(accesses(rows))
    return [(time - BEGIN).seconds for time in found["t"].to_pylist()]


@pytest.mark.parametrize(
    "since",
    [
        BEGIN + dt.timedelta(seconds=27),
        pd.Timestamp(BEGIN + dt.timedelta(seconds=27)),
        (BEGIN + dt.timedelta(seconds=27)).isoformat(),
        (BEGIN + dt.timedelta(seconds=27)).astimezone(dt.timezone(dt.timedelta(hours=5))),
        "-2s",
        "-2000ms",
        " - 2.0 s ",
        "27s",
        "0.45min",
        -2,
        -2.0,
        np.int64(27),
        dt.timedelta(seconds=-2),
        pd.Timedelta("27s"),
    ],
    ids=str,
)
def test_a_time_is_an_instant_or_a_span_from_the_ends_of_the_frame(since: Any) -> None:
    assert seconds(Where(since=since)) == [27, 28, 29]


def test_since_counts_its_own_instant_and_until_does_not() -> None:
    assert seconds(Where(since="3s", until="6s")) == [3, 4, 5]
    assert seconds(Where(until="-27s")) == [0, 1]
    assert seconds(Where(since="5s", until="5s")) == []


def test_a_nanosecond_later_is_later() -> None:
    assert seconds(Where(since=pd.Timestamp(BEGIN + dt.timedelta(seconds=28)) + pd.Timedelta(1, "ns"))) == [29]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("since", BEGIN.replace(tzinfo=None), r"since is datetime.*, which has no time zone"),
        ("until", "2026-11-23T17:00", "until is '2026-11-23T17:00', which has no time zone"),
        ("since", "2026-11-23", "no time zone"),
        ("since", "ten minutes", r"since is 'ten minutes'; allowed: .* a span: '-10min'"),
        ("since", "-10 parsecs", "allowed: .* a span"),
        ("since", True, "since is True; allowed"),
        ("since", pd.NaT, "since is NaT; allowed"),
        ("since", float("nan"), "since is nan; allowed is a span of at most 3650 days"),
        ("since", float("-inf"), "at most 3650 days"),
        ("since", START / 1e6, "at most 3650 days"),
        ("since", "99999999999d", "at most 3650 days"),
        ("since", 10**400, "at most 3650 days"),
        ("since", [1], r"since is \[1\]; allowed"),
        ("event", "hits", "event is 'hits'; allowed: hit, miss, set"),
        ("tier", ["l1", "l4"], "tier is 'l4'; allowed: l1, l2, l3"),
        ("key", 5, "key is 5; allowed: a text or several"),
        ("key", ["a", 5], r"key is \['a', 5\]; allowed: a text or several"),
        ("stream", "x" * 0 or b"main", "stream is b'main'; allowed: a text or several"),
        ("key", [("k" * 200,)], r"key is \[\('k+\.\.\.; allowed"),
    ],
    ids=lambda value: None if callable(value) else str(value)[:20],
)
def test_a_wrong_value_is_named_with_what_is_allowed(field: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        Where(**{field: value})
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize(
    "keys",
    ["key-7", ["key-7", "key-7"], ("key-7", "absent"), {"key-7"}, pd.Index(["key-7"])],
    ids=lambda keys: type(keys).__name__,
)
def test_one_text_or_several(keys: Any) -> None:
    found = Where(key=keys).filtered(accesses(30))
    assert found["key"].to_pylist() == ["key-7"] * 3


def test_no_text_at_all_is_in_no_row() -> None:
    assert Where(key=[]).filtered(accesses(30)).num_rows == 0


def test_a_key_is_found_however_long_or_odd() -> None:
    odd = ["x" * 2_000, "\ud800", "nul\0", ""]
    rows = table("accesses", *({"key": key, "event": "hit"} for key in odd))
    for place, key in enumerate(odd):
        assert Where(key=key).filtered(rows)["t"].to_pylist() == rows["t"].slice(place, 1).to_pylist()


def test_everything_that_is_said_must_hold() -> None:
    where = Where(event="miss", key=["key-0", "key-9"], since=BEGIN + dt.timedelta(seconds=5))
    assert seconds(where) == [9]


def test_nothing_said_is_every_row() -> None:
    rows = accesses(5)
    assert Where().filtered(rows) is rows
    assert Where().columns == ()


def test_missing_values_fulfil_nothing() -> None:
    rows = accesses(6)
    assert Where(tier=("l1", "l2", "l3")).filtered(rows).num_rows == 4
    assert Where(operation="parse").filtered(rows).num_rows == 0
    timeless = rows.set_column(1, rows.schema.field("t"), rows["operation_id"].cast("int64").cast(rows["t"].type))
    assert Where(since=BEGIN).filtered(timeless).num_rows == 0
    assert Where(until=BEGIN + dt.timedelta(days=1)).filtered(timeless).num_rows == 0


def test_a_column_that_the_table_lacks_fulfils_nothing() -> None:
    assert Where(stream="main").filtered(accesses(3).drop_columns(["stream"])).num_rows == 0


def test_text_that_is_no_category_is_filtered_too() -> None:
    rows = table(
        "operations", {"name": "parse", "key": "a"}, {"name": "parse", "key": "b"}, {"name": "load", "key": "a"}
    )
    assert rows.schema.field("key").type == "string"
    assert Where(key="a", name="parse").filtered(rows).num_rows == 1


@pytest.mark.parametrize(
    ("where", "least", "greatest", "may"),
    [
        (Where(since=BEGIN), {"t": START - 5}, {"t": START - 1}, False),
        (Where(since=BEGIN), {"t": START - 5}, {"t": START}, True),
        (Where(until=BEGIN), {"t": START}, {"t": START + 5}, False),
        (Where(until=BEGIN), {"t": START - 1}, {"t": START + 5}, True),
        (Where(since=BEGIN), {"t": None}, {"t": None}, False),
        (Where(since=BEGIN), {}, {}, True),
        (Where(event="hit"), {"event": "hit"}, {"event": "miss"}, True),
        (Where(event="evict"), {"event": "hit"}, {"event": "miss"}, False),
        (Where(event=("evict", "load")), {"event": "hit"}, {"event": "miss"}, True),
        (Where(event="hit", since=BEGIN), {"event": "hit", "t": 0}, {"event": "hit", "t": 0}, False),
    ],
    ids=range(10),
)
def test_bounds_say_whether_rows_can_be_there(
    where: Where, least: dict[str, Any], greatest: dict[str, Any], may: bool
) -> None:
    assert where.may_hold(least, greatest) is may


def test_a_filter_that_the_frame_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="event is no filter of the frame 'resources'; it has since, until, run_id"):
        Where.of("resources", event="hit")
    with pytest.raises(
        ConfigError, match=r"tire is no filter of the frame 'accesses'; it has since, .*tier, key, stream"
    ):
        Where.of("accesses", tire="l1")  # type: ignore[call-arg]
    assert Where.of("operations", name="parse") == Where(name=("parse",))


def test_frames_and_columns_that_there_are_not_are_named() -> None:
    with pytest.raises(ConfigError, match="frame is 'acesses'; the frames are operations, accesses"):
        check_names("acesses", None)
    with pytest.raises(ConfigError, match=r"columns has 'size'; the frame 'accesses' has run_id, t, key"):
        check_names("accesses", ["key", "size"])
    with pytest.raises(ConfigError, match=r"columns is 'key'; write a list of names, such as \['key'\]"):
        check_names("accesses", "key")
