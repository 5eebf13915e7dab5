"""Trace files of every format, whole and damaged."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import struct

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import perflab
from perflab import PerflabError
from perflab.trace import FORMATS, Trace
from perflab.trace import blocks as blocks_module


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def keys(trace):
    return trace.frame()["key"].tolist()


def oracle(*records):
    return b"".join(struct.pack("<IQIq", *record) for record in records)


def test_csv_with_names_in_any_order(tmp_path):
    text = "size,operation,Key,time,ignored\n10,get,a,0.5,x\n20,set,b,1,y\n10,get,a,1.5,\n"
    trace = perflab.read_trace(write(tmp_path / "t.csv", text))
    assert keys(trace) == ["a", "b", "a"]
    assert trace.nbytes.tolist() == [10, 20, 10]
    assert trace.times.tolist() == [0.5, 1, 1.5]
    assert trace.frame()["operation"].tolist() == ["get", "set", "get"]
    assert trace.costs is None


def test_csv_of_libcachesim_with_and_without_names(tmp_path):
    rows = "1,77,4096\n2,78,512\n2,77,4096\n"
    plain = perflab.read_trace(write(tmp_path / "t.csv", rows))
    named = perflab.read_trace(write(tmp_path / "n.csv", "# time, object, size\n" + rows))
    for trace in (plain, named):
        assert keys(trace) == ["77", "78", "77"]
        assert trace.nbytes.tolist() == [4096, 512, 4096]
        assert trace.times.tolist() == [1, 2, 2]


def test_parquet(tmp_path):
    when = pd.to_datetime(["2026-01-01 00:00:00.0", "2026-01-01 00:00:01.5", "2026-01-02 00:00:00.0"])
    columns = {"obj_id": [2**63, 5, 2**63], "timestamp": when, "size": pd.array([1, None, 3], "Int64")}
    frame = pd.DataFrame(columns).astype({"obj_id": "uint64"})
    frame.to_parquet(tmp_path / "t.parquet")
    trace = perflab.read_trace(tmp_path / "t.parquet")
    assert keys(trace) == [2**63, 5, 2**63]
    assert (trace.times - trace.times[0]).tolist() == [0, 1.5, 86_400]
    assert trace.nbytes.tolist() == [1, -1, 3]


def test_one_key_a_line(tmp_path):
    trace = perflab.read_trace(write(tmp_path / "t.txt", b'page, with comma\n\xff\xfe\n\npage, with comma\n"quoted'))
    assert keys(trace) == ["page, with comma", "\\xff\\xfe", "page, with comma", '"quoted']


def test_lists_of_numbers(tmp_path):
    lirs = perflab.read_trace(write(tmp_path / "loop.trc", "1\n2\n*\n\n1\n"))
    assert keys(lirs) == [1, 2, 1]
    many = perflab.read_trace(write(tmp_path / "many.txt", "3 4\t3\r\n18446744073709551615 3"))
    assert keys(many) == [3, 4, 3, 2**64 - 1, 3]


def test_arc(tmp_path):
    trace = perflab.read_trace(write(tmp_path / "P1.lis", "10 3 0 0\n11 1 0 1\n"))
    assert keys(trace) == [10, 11, 12, 11]


def test_oracle_general_with_keys_of_64_bits(tmp_path):
    data = oracle((5, 2**64 - 1, 100, 2), (6, 1, 50, -1), (7, 2**64 - 1, 100, -1))
    trace = perflab.read_trace(write(tmp_path / "t.oracleGeneral.bin", data))
    assert keys(trace) == [2**64 - 1, 1, 2**64 - 1]
    assert trace.nbytes.tolist() == [100, 50, 100]
    assert trace.times.tolist() == [5, 6, 7]
    assert keys(perflab.read_trace(write(tmp_path / "t.bin", data), "oracleGeneral")) == keys(trace)


def compressed(data, suffix):
    if suffix == ".gz":
        return gzip.compress(data)
    return lzma.compress(data) if suffix == ".xz" else pa.Codec("zstd").compress(data, asbytes=True)


@pytest.mark.parametrize("suffix", blocks_module.COMPRESSIONS)
def test_compressed_files(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(blocks_module, "_BLOCK_BYTES", 1_000)  # many blocks, cut inside lines
    numbers = np.random.default_rng(5).integers(0, 10**9, 5_000)
    text = "\n".join(map(str, numbers)).encode()
    trace = perflab.read_trace(write(tmp_path / f"t.txt{suffix}", compressed(text, suffix)))
    assert keys(trace) == numbers.tolist()


@pytest.mark.parametrize("suffix", blocks_module.COMPRESSIONS)
def test_a_compressed_file_that_ends_early(tmp_path, suffix):
    text = "\n".join(map(str, np.random.default_rng(5).integers(0, 10**9, 50_000))).encode()
    data = compressed(text, suffix)
    with pytest.raises(PerflabError, match=r"t\.txt\.\w+' (ends early|is damaged|cannot be read)"):
        perflab.read_trace(write(tmp_path / f"t.txt{suffix}", data[: len(data) // 2]))


@pytest.mark.parametrize("suffix", blocks_module.COMPRESSIONS)
def test_what_is_not_compressed_at_all(tmp_path, suffix):
    with pytest.raises(PerflabError, match=r"(is damaged|cannot be read)"):
        perflab.read_trace(write(tmp_path / f"t.txt{suffix}", "1\n2\n3\n"))


def test_wrong_lines_are_named_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, "_BLOCK_BYTES", 64)
    lines = [f"{number},key-{number % 7},{number}" for number in range(100)]
    lines[20] = "20,key-6,-5"
    lines[40] = "40,key-5"
    lines[60] = "soon,key-4,60"
    lines[61] = "61,,61"
    trace = perflab.read_trace(write(tmp_path / "t.csv", "time,key,size\n" + "\n".join(lines)))
    assert len(trace) == 96
    assert trace.wrong.count == 4
    assert [number for number, _ in trace.wrong.first] == [22, 42, 62, 63]
    assert str(trace.wrong).startswith("4 wrong lines were passed over (line 22: size is '-5', not a whole number")
    assert trace.describe()["value"]["wrong lines"] == 4


def test_wrong_lines_among_numbers(tmp_path):
    trace = perflab.read_trace(write(tmp_path / "t.trc", "1\n2\nthree\n-4\n5\n6\n7\n"))
    assert keys(trace) == [1, 2, 5, 6, 7]
    assert [number for number, _ in trace.wrong.first] == [3, 4]
    arc = perflab.read_trace(write(tmp_path / "t.lis", "1 3 0 0\n1 0 0 0\n1 99999999999 0 0\n5 1\n"))
    assert keys(arc) == [1, 2, 3]
    assert [number for number, _ in arc.wrong.first] == [2, 3, 4]


def test_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, "_BLOCK_BYTES", 1_000)
    path = write(tmp_path / "t.txt", "1234\n" * 1_000)
    told = []
    perflab.read_trace(path, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (5_000, 5_000)
    assert len(told) == 5


BAD = {
    "t.csv": ("", "is empty"),
    "names.csv": ("key,size\n", "is empty"),
    "u.csv": ("1,2\n3,4\n", "names no column 'key'"),
    "wrong.csv": ("key,size\na,-1\nb,-2\nc,3\n", r"2 wrong lines were passed over \(line 2: size is '-1'"),
    "t.bin": (b"\0\1\2" * 100, "is binary; name its format"),
    "t.oracleGeneral": (oracle((1, 2, 3, 4)) + b"\0" * 5, "ends inside its record 2: 5 of 24 bytes"),
    "t.parquet": (b"PAR1 but no more", "cannot be read as a trace in Parquet"),
    "t.lis": ("a b c d\n", "1 wrong line was passed over"),
    "back.csv": ("time,key\n2,a\n1,b\n", "times of the trace go back at access 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_in_one_sentence(tmp_path, name):
    content, message = BAD[name]
    with pytest.raises(PerflabError, match=message) as raised:
        perflab.read_trace(write(tmp_path / name, content))
    assert "\n" not in str(raised.value)


def test_bad_paths_and_formats(tmp_path):
    with pytest.raises(PerflabError, match="No such file"):
        perflab.read_trace(tmp_path / "none.csv")
    with pytest.raises(PerflabError, match=r"holds no run|no run"):
        perflab.read_trace(tmp_path)
    with pytest.raises(PerflabError, match=f"must be one of {', '.join(FORMATS)}"):
        perflab.read_trace(write(tmp_path / "t.csv", "key\na\n"), "xlsx")
    frame = pd.DataFrame({"name": ["a"]})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(PerflabError, match="one must be called 'key'"):
        perflab.read_trace(tmp_path / "t.parquet")


def test_times_that_go_back_can_be_left_out(tmp_path):
    trace = perflab.read_trace(write(tmp_path / "t.csv", "time,key\n2,a\n1,b\n"), times=False)
    assert keys(trace) == ["a", "b"]
    assert trace.times is None


def test_a_recorded_run_in_memory_and_in_its_folder(tmp_path):
    config = perflab.Config(cache={"l1_bytes": "1MB", "l3_enabled": False}, enable_auto_optimization=False)
    with perflab.PerformanceSystem(config, run_dir=tmp_path / "run") as system:
        for number in [1, 2, 1, 3, 1]:
            system.cache.get_or_load(number, lambda: "text")
        live = system.trace()
    again = perflab.read_trace(tmp_path / "run")
    for trace in (live, again):
        assert isinstance(trace, Trace)
        assert list(map(int, keys(trace))) == [1, 2, 1, 3, 1]
        assert (trace.nbytes > 0).all()
        assert (trace.costs >= 0).all()
        assert trace.setting.size == 1_000_000
        assert trace.setting.policy == "lru"
    assert len(system.frames.trace(key="1")) == 3


def test_a_key_in_parquet_that_is_no_text_is_refused(tmp_path):
    bytes_of_no_text = pa.array([b"\xff", b"a"], pa.binary())
    keys_of_no_text = pa.StringArray.from_buffers(2, *bytes_of_no_text.buffers()[1:])
    pa.parquet.write_table(pa.table({"key": keys_of_no_text}), tmp_path / "t.parquet")
    with pytest.raises(perflab.errors.SourceError, match="UTF8"):
        perflab.read_trace(tmp_path / "t.parquet")


@pytest.mark.parametrize("text", ["time,key\rx,size\n1,a,2\n", "key,size\na,1\nb\rc,2\na,1\n" + "x" * 200_000 + ",1\n"])
def test_what_the_csv_module_refuses_is_a_wrong_line(tmp_path, text):
    with contextlib.suppress(perflab.errors.SourceError):
        assert keys(perflab.read_trace(write(tmp_path / "t.csv", text)))[0] == "a"


def test_keys_may_hold_any_byte_but_the_end_of_a_line(tmp_path):
    trace = perflab.read_trace(write(tmp_path / "t.txt", b"a\x01b\n\nc\r\na\x01b\n"), "keys")
    assert keys(trace) == ["a\x01b", "c", "a\x01b"]
