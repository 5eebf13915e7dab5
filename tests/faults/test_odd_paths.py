"""Paths that lead elsewhere or to what is no ordinary file: refused or bounded, by name, and never waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from causes import python
from contract import LONGEST_S

import perflab
from perflab import Config, PerformanceSystem
from perflab.errors import PerflabError
from perflab.workloads.corpus import select

SPARSE = 5_000_000_000


READERS: dict[str, Callable[[PerformanceSystem, Any], Any]] = {
    "process_large_file": lambda system, path: system.process_large_file(path, lambda chunk: len(chunk.data)),
    "chunks": lambda system, path: list(system.chunks(path)),
    "read_trace": lambda _, path: perflab.read_trace(path),
    "restore": lambda system, path: system.restore(path),
    "Config.load": lambda _, path: Config.load(path),
    "open_run": lambda _, path: perflab.open_run(path),
}
"""Everything that reads a file that the caller names."""
WHOLE = [name for name in READERS if name not in ("process_large_file", "chunks")]
reader = pytest.mark.parametrize("reader", READERS)


def check_refused(system: PerformanceSystem, reader: str, path: Any) -> None:
    """Hold a reader to one error that names the path, soon."""
    begun = time.monotonic()
    with pytest.raises(PerflabError) as caught:
        READERS[reader](system, path)
    assert time.monotonic() - begun < LONGEST_S
    assert repr(str(path))[1:-1] in str(caught.value)


@pytest.mark.fault("path with NUL")
@reader
def test_a_path_with_nul_is_refused(system: PerformanceSystem, reader: str) -> None:
    check_refused(system, reader, "a\0b.py")


@pytest.mark.fault("file a FIFO")
@reader
def test_a_pipe_is_refused_and_not_waited_for(system: PerformanceSystem, tmp_path: Path, reader: str) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    check_refused(system, reader, tmp_path / "pipe.toml")


@pytest.mark.fault("file a device")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/full"])
@reader
def test_a_device_is_refused_and_not_read_for_ever(system: PerformanceSystem, device: str, reader: str) -> None:
    check_refused(system, reader, Path(device))


@pytest.mark.fault("file empty")
def test_an_empty_file_is_an_empty_result(system: PerformanceSystem, tmp_path: Path) -> None:
    (tmp_path / "empty.py").touch()
    result = system.process_large_file(tmp_path / "empty.py", lambda chunk: len(chunk.data))
    assert (result.results, list(system.chunks(tmp_path / "empty.py"))) == ((), [])
    assert Config.load(tmp_path / "empty.py") == Config()
    assert not system.frames.operations["error"].notna().any()


@pytest.mark.fault("file empty")
@pytest.mark.parametrize("reader", [name for name in WHOLE if name != "Config.load"])
def test_an_empty_file_is_refused_by_who_needs_something_in_it(
    system: PerformanceSystem, tmp_path: Path, reader: str
) -> None:
    (tmp_path / "empty").touch()
    check_refused(system, reader, tmp_path / "empty")


SPARSE_FILE = """
import resource, sys, time
from perflab.system import PerformanceSystem
from perflab import Config

quiet = {"resource_monitoring": {"enabled": False}, "cache": {"l3_enabled": False}}
config = Config(parallel={"workers": 2, "kind": "threads"}, **quiet)
with PerformanceSystem(config) as system:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end, nbytes = time.monotonic() + 3, 0
    for chunk in system.chunks(sys.argv[1]):
        nbytes += len(chunk.data)
        if time.monotonic() > end:
            break
    print(nbytes > 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.fault("file sparse, 5 GB")
def test_a_sparse_file_is_cut_in_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "sparse.bin").open("wb") as file:
        file.truncate(SPARSE)
    read, grown_kib = python(SPARSE_FILE, tmp_path / "sparse.bin").split()
    assert read == "True"
    assert int(grown_kib) < 150_000


@pytest.mark.fault("file sparse, 5 GB")
@pytest.mark.parametrize("reader", WHOLE)
def test_a_sparse_file_is_refused_by_who_would_have_to_read_it_whole(
    system: PerformanceSystem, tmp_path: Path, reader: str
) -> None:
    with (tmp_path / "sparse.toml").open("wb") as file:
        file.truncate(SPARSE)
    check_refused(system, reader, tmp_path / "sparse.toml")


@pytest.mark.fault("path outside of the root")
@pytest.mark.parametrize("target", ["../outside.py", "/etc/passwd", "{outside}", "../../folder"])
def test_a_corpus_follows_no_link_out_of_its_root(tmp_path: Path, target: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "inside.py").write_text("x = 1\n")
    (tmp_path / "outside.py").write_text("secret = 1\n")
    (root / "link.py").symlink_to(target.format(outside=tmp_path / "outside.py"))
    corpus = select(root)
    assert [file.path for file in corpus.files] == ["inside.py"]
    assert any("link.py" in skipped.path and skipped.reason for skipped in corpus.skipped)
