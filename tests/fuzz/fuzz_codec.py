"""The codec and what is made of it: values come back, other bytes are refused by its own error and run nothing."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from fuzzing import fuzzer, mutated
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from perflab.cache.codec.packing import Packing
from perflab.cache.codec.signed import SignedPickle
from perflab.cache.codec.values import decode, encode
from perflab.cache.entry import Entry
from perflab.cache.keys import decode_key, encode_key
from perflab.cache.tiers.snapshot import read_snapshot, write_snapshot
from perflab.errors import StoreError

from test_codec import alike, keys, values  # isort: skip  # on the path since `fuzzing` was imported

SIGNER = SignedPickle(bytes(32))
SCRATCH = Path(tempfile.mkdtemp(prefix="perflab-fuzz-"))
TYPES = npst.scalar_dtypes() | npst.array_dtypes(max_size=3) | npst.byte_string_dtypes() | npst.unicode_string_dtypes()
ARRAYS = npst.arrays(TYPES, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
CELLS = st.sampled_from([None, 0, -1, 2.5, "x", "", True, b"y", pd.Timestamp("2026-01-01"), np.nan])
COLUMNS = st.lists(CELLS, min_size=2, max_size=2)
FRAMES = st.dictionaries(st.text(max_size=3), COLUMNS, max_size=3).map(pd.DataFrame)
TABLES = (
    pa.table({"n": [1, None, 3], "t": ["a", None, "c"]}),
    pa.table({"d": pa.array(["x", "y", "x"]).dictionary_encode(), "l": [[1], None, [2, 3]]}),
    pa.table(
        {
            "s": [{"a": 1, "b": "q"}, None, {"a": 2, "b": "r"}],
            "m": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int8())),
        }
    ),
)
SERIES = st.builds(pd.Series, COLUMNS, name=st.none() | st.text(max_size=3))
LARGE = ARRAYS | FRAMES | SERIES | st.sampled_from(TABLES)


def stored(value: object) -> bytes:
    """Return what is stored for a value; None's bytes for one that is refused."""
    with contextlib.suppress(StoreError):
        return encode(value)
    return encode(None)


ENCODED = (values | LARGE).map(stored)
# Those of other libraries' formats, which believe offsets and lengths, are changed more often than plain data.
FOREIGN = [
    encode(value)
    for value in (
        *TABLES,
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])}),
        pd.Series(["x", None, "z"], name="q"),
        np.arange(6.0).reshape(2, 3),
        np.zeros(3, "M8[s]"),
    )
]
SEEDS = (
    ENCODED
    | ENCODED.map(lambda data: Packing(1).pack(decode(data), "key", b"key"))
    | st.just(b"\3" + SIGNER.dump({"a": 1}, b"key"))
)


@fuzzer(value=values | LARGE)
def codec_values(value: Any) -> None:
    """Whatever is not refused comes back as it was."""
    with contextlib.suppress(StoreError):
        data = encode(value, "key")
        assert encode(decode(data)) == data
        assert type(decode(data)) is type(value) or isinstance(value, np.generic)
        packing = Packing(100)
        assert encode(packing.unpack(packing.pack(value, "key", b"key"), 0, b"key")) == data


@fuzzer(data=mutated(FOREIGN) | mutated(ENCODED) | st.binary(max_size=60).map(lambda data: b"\1" + data))
def codec_bytes(data: bytes) -> None:
    """Any bytes are refused by a StoreError, or are a value that can be stored again."""
    with contextlib.suppress(StoreError):
        value = decode(data)
        with contextlib.suppress(StoreError):  # an array may come back whose dtype is not plain enough to be stored
            again = encode(value)
            assert alike(decode(again), value)
        assert repr(value)  # which follows whatever there is to follow


@fuzzer(data=mutated(SEEDS) | st.binary(max_size=60))
def packed_bytes(data: bytes) -> None:
    """The same for what is compressed or signed: nothing is unpickled whose signature does not fit."""
    for packing in (Packing(), Packing(signer=SIGNER)):
        with contextlib.suppress(StoreError):
            packing.unpack(data, 0, b"other key")


@fuzzer(data=mutated(keys.map(encode_key)) | st.binary(max_size=60))
def key_bytes(data: bytes) -> None:
    """Any bytes are refused by a StoreError, or are the bytes of a key that has them."""
    with contextlib.suppress(StoreError):
        key = decode_key(data)
        hash(key)
        assert alike(decode_key(encode_key(key)), key)


@fuzzer(pairs=st.lists(st.tuples(keys, values), max_size=4), data=st.data())
def snapshots(pairs: list[tuple[Any, Any]], data: st.DataObject) -> None:
    """A snapshot that was changed is refused whole."""
    path = SCRATCH / "hot"
    write_snapshot(path, [Entry(key, value, 1) for key, value in pairs])
    whole = path.read_bytes()
    changed = data.draw(mutated([whole]))
    path.write_bytes(changed)
    try:
        read_snapshot(path)
    except StoreError:
        return
    assert changed == whole
