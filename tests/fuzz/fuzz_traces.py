"""Readers of trace files: any bytes under any name give a sound trace, or are refused."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import struct
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzzing import fuzzer, mutated
from hypothesis import strategies as st

from perflab.errors import PerflabError
from perflab.trace import FORMATS
from perflab.trace.read import read_file

SCRATCH = Path(tempfile.mkdtemp(prefix="perflab-fuzz-"))


def _parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"key": ["a", "b", "a"], "time": [0.0, 1.0, 2.0], "size": [1, None, 3]}), out)
    return out.getvalue()


TEXTS = [
    b"time,key,size\n0,a,10\n1,b,20\n2,a,10\n",
    b'size,operation,Key,time,cost\n10,get,"a,\n b",0.5,1e-3\n20,set,b,1,\n,get,a,1.5,2\n',
    b"1,77,4096\n2,78,512\n2,77,4096\n",
    b"# time, object, size\r\n1,77,4096\r\n",
    b"page one\npage two\n\n\xff\xfe\npage one\n",
    b"1\n2\n*\n\n1\n",
    b"3 4\t3\r\n18446744073709551615 3",
    b"10 3 0 0\n11 1 0 1\n",
]
BINARY = [_parquet(), b"".join(struct.pack("<IQIq", time, time % 3, 100, -1) for time in range(5))]
PACKED = [gzip.compress(TEXTS[0]), lzma.compress(TEXTS[4]), pa.compress(TEXTS[2], codec="zstd", asbytes=True)]
NAMES = ["t.csv", "t.parquet", "t.lis", "t.txt", "t.trc", "t.oracleGeneral", "t.csv.gz", "t.txt.xz", "t.csv.zst", "t"]
LINES = st.lists(st.text('0123456789,.-+einfa "\t\r\n#*_\x00é', max_size=20), max_size=8).map("\n".join).map(str.encode)
HEADED = LINES.map(lambda lines: b"key,time,size,cost,operation\n" + lines)


@fuzzer(
    data=mutated(TEXTS + BINARY + PACKED) | LINES | HEADED | st.binary(max_size=80),
    name=st.sampled_from(NAMES),
    kind=st.none() | st.sampled_from(sorted(FORMATS)),
    times=st.booleans(),
)
def traces(data: bytes, name: str, kind: str | None, times: bool) -> None:
    """Whatever is read has a key, a size and a finite time for each access."""
    path = SCRATCH / name
    path.write_bytes(data)
    with contextlib.suppress(PerflabError):
        trace = read_file(path, kind, times=times)
        assert len(trace) > 0
        frame = trace.frame()
        assert len(frame) == len(trace)
        assert trace.nbytes is None or (len(trace.nbytes) == len(trace) and trace.nbytes.min() >= -1)
        assert trace.times is None or (np.isfinite(trace.times).all() and (np.diff(trace.times) >= 0).all())
        assert trace.costs is None or not (trace.costs < 0).any()
