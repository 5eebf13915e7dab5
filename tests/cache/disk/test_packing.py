"""Payloads: compressed where that helps, pickled only where a key signs for it."""

from __future__ import annotations

import math
import os
import pickle
import stat
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from disk_cases import Planted, events, sql
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.cache import DiskCache, encode_key
from perflab.cache.codec.packing import Packing
from perflab.cache.codec.signed import SignedPickle, read_key
from perflab.cache.disk.envelope import Times, seal
from perflab.errors import StoreError
from perflab.record import Recorder

SECRET = b"0123456789abcdef"
TEXT = "the same words again " * 5_000


def test_large_values_are_compressed_and_come_back() -> None:
    for value in (TEXT, [TEXT, 1], {"a": TEXT.encode()}):
        packed = Packing(1_000).pack(value, "key", b"k")
        assert len(packed) < len(TEXT) / 20
        assert Packing().unpack(b"before" + packed, 6, b"k") == value
        assert len(Packing(math.inf).pack(value, "key", b"k")) > len(TEXT)


def test_small_values_and_noise_stay_as_they_are() -> None:
    noise = os.urandom(5_000)
    assert noise in Packing(1_000).pack(noise, "key", b"k")
    assert b"aaaaaaaaaa" in Packing(1_000).pack("a" * 900, "key", b"k")


def test_compression_saves_room_on_disk(tmp_path: Path) -> None:
    sizes = []
    for bound in (1_000, math.inf):
        with DiskCache(tmp_path / str(bound), compress_bytes=bound) as cache:
            cache["key"] = TEXT
            assert cache["key"] == TEXT
            sizes.append(cache.nbytes)
    assert sizes[0] < sizes[1] / 20


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 200), st.integers(1, 255), st.booleans())
def test_damaged_payloads_are_refused_or_decoded_but_never_crash(at: int, flip: int, cut: bool) -> None:
    packed = bytearray(PACKED)
    packed[at % len(packed)] ^= flip
    try:
        Packing().unpack(bytes(packed[:at] if cut else packed), 0, b"k")
    except StoreError:
        return


PACKED = Packing(10).pack("text " * 100, "key", b"k")


def test_what_is_compressed_twice_is_refused() -> None:
    import pyarrow as pa

    twice = b"\2" + len(PACKED).to_bytes(8, "big") + pa.compress(PACKED, codec="zstd", asbytes=True)
    with pytest.raises(StoreError, match="compressed twice"):
        Packing().unpack(twice, 0, b"k")


def test_a_key_opens_other_types(tmp_path: Path) -> None:
    values = {"counter": Counter("aab"), "fraction": Fraction(1, 3), "range": range(5), "plain": [1]}
    with DiskCache(tmp_path / "c", pickle_key=SECRET) as cache:
        cache.set_many(values)
    with DiskCache(tmp_path / "c", pickle_key=SECRET) as again:
        assert {key: again[key] for key in again} == values
        assert type(again["counter"]) is Counter
        with pytest.raises(StoreError, match=r"'page'.*function.*cannot be pickled"):
            again["page"] = lambda: 1


@pytest.mark.parametrize("secret", [None, b"another secret key"])
def test_without_the_key_a_pickle_is_not_read(tmp_path: Path, secret: bytes | None) -> None:
    proof, recorder = tmp_path / "executed", Recorder()
    with DiskCache(tmp_path / "c", pickle_key=SECRET) as cache:
        cache["key"] = Planted(proof)
    with DiskCache(tmp_path / "c", pickle_key=secret, recorder=recorder) as other:
        with pytest.warns(RuntimeWarning, match="refused, removed"):
            assert other.get("key") is None
        assert events(recorder) == [("key", "quarantine", "codec")]
    assert not proof.exists()


@pytest.mark.parametrize("signature", [b"", bytes(32), SignedPickle(b"a secret of others").dump(1, b"k")[:32]])
@pytest.mark.parametrize("secret", [None, SECRET])
def test_a_planted_pickle_with_a_right_checksum_never_runs(
    tmp_path: Path, secret: bytes | None, signature: bytes
) -> None:
    proof, key = tmp_path / "executed", encode_key("key")
    planted = b"\3" + signature + pickle.dumps(Planted(proof))
    with DiskCache(tmp_path / "c", pickle_key=secret) as cache:
        cache["key"] = 1
        sql(
            tmp_path / "c",
            "UPDATE Cache SET value = ?",
            seal(planted, key, Times(b"attacker", 0.0, math.inf, math.inf)),
        )
        with pytest.warns(RuntimeWarning, match="pickle"):
            assert cache.get("key") is None
    assert not proof.exists()


def test_a_signed_pickle_stays_with_its_key() -> None:
    signer = SignedPickle(SECRET)
    assert signer.load(signer.dump(range(3), b"one"), b"one") == range(3)
    with pytest.raises(StoreError, match="not signed"):
        signer.load(signer.dump(range(3), b"one"), b"two")
    with pytest.raises(StoreError, match="15 bytes; it must have 16"):
        SignedPickle(SECRET[1:])


def test_a_pickle_whose_class_is_gone_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Passing:
        pass

    Passing.__qualname__ = "Passing"
    monkeypatch.setattr(f"{__name__}.Passing", Passing, raising=False)
    with DiskCache(tmp_path / "c", pickle_key=SECRET) as cache:
        cache["key"] = Passing()
        assert type(cache["key"]) is Passing
        monkeypatch.undo()
        with pytest.warns(RuntimeWarning, match="AttributeError"):
            assert cache.get("key") is None


def test_a_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "l3.key"
    with DiskCache(tmp_path / "c", pickle_key=path) as cache:
        cache["key"] = range(3)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (len(path.read_bytes()), list(path.parent.iterdir())) == (32, [path])
    with DiskCache(tmp_path / "c", pickle_key=path) as again:
        assert again["key"] == range(3)


def test_a_key_file_that_others_reach_is_refused(tmp_path: Path) -> None:
    folder, path = tmp_path / "c", tmp_path / "l3.key"
    with pytest.raises(StoreError, match="in the cache folder"):
        read_key(folder / "l3.key", folder)
    read_key(path, folder)
    path.chmod(0o640)
    with pytest.raises(StoreError, match=r"l3.key.*-rw-r-----.*chmod 600"):
        DiskCache(folder, pickle_key=path)
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(StoreError, match="cannot be read"):
        read_key(tmp_path / "link", folder)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(StoreError, match="refused"):
        read_key(tmp_path / "pipe", folder)
