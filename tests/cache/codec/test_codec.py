"""The codec: exact round trips, canonical keys, and refusals that name type and key."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import os
import pathlib
import pickle
import subprocess
import sys
import zoneinfo
from collections import namedtuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import UnsupportedKeyError, encode_key
from perflab.cache.codec.values import decode, encode
from perflab.cache.keys import decode_key, slot_of
from perflab.errors import StoreError

text = st.text(st.characters(), max_size=20)  # lone surrogates included
atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | text
    | st.binary(max_size=20)
    | st.datetimes(timezones=st.none() | st.just(dt.UTC))
    | st.dates()
    | st.timedeltas()
    | st.times(timezones=st.none() | st.just(dt.UTC))
    | st.decimals().filter(lambda number: not number.is_snan())  # which have no hash
    | st.uuids()
)
keys = st.recursive(atoms, lambda parts: st.tuples(parts, parts) | st.frozensets(parts, max_size=3), max_leaves=8)
values = st.recursive(
    atoms,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.lists(parts, max_size=4).map(tuple)
        | st.dictionaries(keys, parts, max_size=4)
        | st.sets(keys, max_size=4)
    ),
    max_leaves=12,
)


def alike(one: object, other: object) -> bool:
    """Equal, of equal types all the way down, NaN like NaN, and signed zeros kept."""
    return encode(one) == encode(other) and type(one) is type(other)


@settings(deadline=None, max_examples=100)
@given(values)
def test_values_come_back_exactly(value: object) -> None:
    assert alike(decode(encode(value)), value)


@settings(deadline=None, max_examples=100)
@given(keys, keys)
def test_keys_are_canonical(one: object, other: object) -> None:
    assert alike(decode_key(encode_key(one)), one)
    if encode_key(one) == encode_key(other):
        assert repr(one) == repr(other) or one == other


@settings(deadline=None, max_examples=100)
@given(values, st.data())
def test_damaged_bytes_are_refused_or_decoded_but_never_crash(value: object, data: st.DataObject) -> None:
    encoded = bytearray(encode(value))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        decode(bytes(encoded))
    except StoreError:
        return


def test_distinct_keys_stay_distinct() -> None:
    odd = [1, 1.0, True, (1,), (1.0,), (True,), "1", b"1", 0.0, -0.0, False, "", b"", (), frozenset(), "\0", "\ud800"]
    assert len({encode_key(key) for key in odd}) == len(odd)
    assert len({slot_of(key) for key in odd}) == len(odd)
    assert slot_of(math.nan) == slot_of(float("nan"))
    huge = "x" * 2_000_000
    assert decode_key(encode_key(huge)) == huge


@pytest.mark.parametrize("value", [bytearray(b"x"), [1], (1, {}), decimal.Decimal("sNaN")])
def test_bytes_of_what_has_no_hash_are_no_key(value: object) -> None:
    with pytest.raises(StoreError, match="no key has"):
        decode_key(encode(value))


PLANTED_OFFSETS = """
import pandas as pd, pyarrow as pa, random, sys
from perflab.cache.codec.values import decode, encode
from perflab.errors import StoreError
choice = random.Random(int(sys.argv[1]))
tables = [pd.Series(["x", None, "z"]), pd.DataFrame({"a": ["u", "v"]}), pa.table({"l": [[1], None, [2, 3]]})]
refused = 0
for data in map(encode, tables):
    for _ in range(400):
        damaged = bytearray(data)
        place = choice.randrange(20, len(data) - 4)
        damaged[place : place + 4] = choice.choice([1, 2**31 - 1, 2**31, 2**32 - 1]).to_bytes(4, "little")
        try:
            repr(decode(bytes(damaged)))
        except StoreError:
            refused += 1
print(refused)
"""


def test_tables_whose_offsets_point_elsewhere_are_refused_before_anybody_follows_them() -> None:
    # In a process of its own: to follow one ends it.
    command = [sys.executable, "-W", "ignore", "-c", PLANTED_OFFSETS, "1"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert int(found.stdout) > 500


def test_key_bytes_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "from perflab.cache import encode_key;"
        "print(encode_key((frozenset({'a', 'b', 'c', ('d', 1.5)}), {'x'}.pop())).hex())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2026, 3, 29, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "mine")),
        pathlib.Path("a") / "b",
        10**4_000,
        dt.time(2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        decimal.Decimal("-0.00"),
        decimal.Decimal("1E+5"),
        bytearray(b"raw"),
        -(2**63) - 1,
    ],
)
def test_special_values(value: object) -> None:
    found = decode(encode(value))
    assert found == value
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4)[:, ::2],
        np.asfortranarray(np.ones((2, 3), dtype=">f4")),
        np.array("2026-01-01", dtype="datetime64[us]"),
        np.array([(1, b"x")], dtype=[("n", "i4"), ("s", "S3")]),
        np.array(["é", ""]),
        np.float32(1.5),
        np.empty((0, 3)),
    ],
)
def test_arrays(array: np.ndarray) -> None:
    found = decode(encode({"array": array}))["array"]
    assert type(found) is type(array)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_frames_and_series() -> None:
    index = pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["i", None])
    frame = pd.DataFrame(
        {
            "n": [1.5, math.nan],
            "s": ["x", None],
            "t": pd.to_datetime(["2020", "2021"]).tz_localize("Europe/Berlin"),
            "c": pd.Categorical(["u", "v"]),
        },
        index=index,
    )
    pd.testing.assert_frame_equal(decode(encode(frame)), frame)
    for name in ("n", "s", "t", "c"):
        pd.testing.assert_series_equal(decode(encode(frame[name])), frame[name])
    pd.testing.assert_frame_equal(decode(encode(pd.DataFrame())), pd.DataFrame())
    unnamed = pd.Series([1, 2])
    pd.testing.assert_series_equal(decode(encode(unnamed)), unnamed)


def test_arrow_tables() -> None:
    table = pa.table(
        {
            "n": pa.chunked_array([[1, None], [3]]),
            "s": pa.chunked_array([pa.array(["x", "y"]).dictionary_encode(), pa.array(["z"]).dictionary_encode()]),
            "lists": [[1], [], None],
            "late": pa.array([1, 2, None], pa.timestamp("ns", "Europe/Berlin")),
        },
        metadata={"who": "me"},
    )
    for each in (table, table.slice(1, 1), table.schema.empty_table()):
        found = decode(encode([each]))[0]
        assert type(found) is pa.Table
        assert found.equals(each, check_metadata=True)
    assert len(encode(table.slice(0, 1))) < len(encode(table))


class Rank(pa.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pa.int64(), "tests.rank")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""


def test_a_table_of_unregistered_types_is_refused() -> None:
    table = pa.table({"rank": pa.ExtensionArray.from_storage(Rank(), pa.array([1, 2]))})
    with pytest.raises(StoreError, match=r"page-7.*pyarrow.Table.*another schema"):
        encode(table, "page-7")


@settings(deadline=None, max_examples=50)
@given(values, st.binary(max_size=9))
def test_a_value_is_read_from_where_it_begins(value: object, before: bytes) -> None:
    assert alike(decode(before + encode(value), len(before)), value)


class Exotic:
    pass


@pytest.mark.parametrize(
    "value",
    [
        Exotic(),
        namedtuple("Point", "x y")(1, 2),
        [{"deep": Exotic()}],
        np.array([Exotic()], dtype=object),
        pd.DataFrame({"o": [1, "y"]}, dtype=object),
        pd.DataFrame({1: [2], "b": [3]}),
        pd.DataFrame({"lists": [[1], [2]]}),
    ],
    ids=["object", "namedtuple", "nested", "object-array", "object-column", "column-names", "lists"],
)
def test_what_would_not_survive_is_refused_by_type_and_key(value: object) -> None:
    with pytest.raises(StoreError, match=r"page-7.*(Exotic|Point|ndarray|DataFrame)"):
        encode(value, "page-7")


def test_a_value_that_holds_itself_is_refused() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(StoreError, match="refers to itself"):
        encode(ring)


def test_unsupported_keys_are_refused_before_anything_is_stored() -> None:
    with pytest.raises(UnsupportedKeyError, match="Exotic") as caught:
        encode_key((1, Exotic()))
    assert isinstance(caught.value, ValueError)
    with pytest.raises(TypeError, match="unhashable"):
        encode_key([1])


def test_a_pickle_is_not_a_value() -> None:
    with pytest.raises(StoreError, match="version"):
        decode(pickle.dumps({"a": 1}))
    with pytest.raises(StoreError, match="followed by"):
        decode(encode(1) + b"x")
