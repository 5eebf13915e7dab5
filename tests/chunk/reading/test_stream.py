"""Files are cut as their bytes are, in bounded memory, and what is no file is refused by name."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perflab.chunk import chunks, confined, process_file, split, take_manifest
from perflab.config import Config
from perflab.errors import SourceError

CHILD = """
import sys
from perflab.chunk import chunks
total = sum(len(chunk) for chunk in chunks(sys.argv[1], window_bytes=65536))
with open("/proc/self/status") as status:
    peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
print(total, int(peak) * 1024)
"""


@pytest.mark.parametrize("window_bytes", [600, 1500, 524_288])
def test_files_are_cut_as_their_bytes(sample: Path, window_bytes: int) -> None:
    expected = split(sample.read_bytes(), path=sample, max_bytes=200, window_bytes=window_bytes)
    assert list(chunks(sample, max_bytes=200, window_bytes=window_bytes)) == expected


@pytest.mark.parametrize("function", [split, chunks, process_file, take_manifest])
def test_all_ways_to_cut_have_the_configs_defaults(function: Callable[..., object]) -> None:
    settings = Config().chunks
    expected = (settings.max_bytes, settings.window_bytes, settings.parse_timeout_s)
    parameters = inspect.signature(function).parameters
    assert tuple(parameters[name].default for name in ("max_bytes", "window_bytes", "timeout_s")) == expected


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 8192, 20_000])
@pytest.mark.parametrize("name", ["a.py", "a.txt"])
def test_window_borders_lose_nothing(tmp_path: Path, size: int, name: str) -> None:
    data = (b"def f(x):\n    return x\n\n" * (size // 20 + 1))[:size]
    path = tmp_path / name
    path.write_bytes(data)
    assert b"".join(chunk.data for chunk in chunks(path, window_bytes=4096)) == data


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    function = b"def f(x):\n    return [x, (x + 1, x + 2), {'a': x}]\n\n\n"
    peaks = []
    for repeats in (4_000, 40_000):
        path = tmp_path / f"{repeats}.py"
        path.write_bytes(function * repeats)
        child = [sys.executable, "-c", CHILD, str(path)]
        output = subprocess.run(child, capture_output=True, check=True, text=True, env={**os.environ}).stdout
        total, peak = map(int, output.split())
        assert total == len(function) * repeats
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 20_000_000  # the tree of the whole larger file takes more than 50 MB


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing\.py' does not exist"):
        list(chunks(tmp_path / "nothing.py"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        list(chunks(tmp_path))


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(SourceError, match="is a pipe"):
        list(chunks(tmp_path / "pipe.py"))


def test_a_device_is_refused() -> None:
    with pytest.raises(SourceError, match="is a device"):
        list(chunks("/dev/zero"))


def test_a_nul_is_refused() -> None:
    with pytest.raises(SourceError, match="NUL"):
        list(chunks("a\0.py"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.py"
    path.touch(mode=0o000)
    with pytest.raises(SourceError, match="Permission denied"):
        list(chunks(path))


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to(tmp_path / "a.py")
    with pytest.raises(SourceError, match=r"a\.py' cannot be opened"):
        list(chunks(tmp_path / "a.py"))


def test_confined_follows_links_inside(tmp_path: Path) -> None:
    (tmp_path / "real.py").touch()
    (tmp_path / "link.py").symlink_to("real.py")
    assert confined("link.py", tmp_path) == (tmp_path / "real.py").resolve()
    assert confined(tmp_path / "real.py", tmp_path) == (tmp_path / "real.py").resolve()


@pytest.mark.parametrize(
    ("path", "reason"), [("../a", r"'\.\.'"), ("b/../a", r"'\.\.'"), ("/etc/passwd", "outside"), ("a\0b", "NUL")]
)
def test_confined_refuses(tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        confined(path, tmp_path)


def test_confined_refuses_links_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").touch()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    for path in ("link", "folder/secret"):
        with pytest.raises(SourceError, match="outside"):
            confined(path, root)
