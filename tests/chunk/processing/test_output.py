"""An output appears as a whole or not at all, in the place of what was there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perflab.chunk import Chunk, process_file, transform
from perflab.errors import SourceError

SOURCE = "".join(f"def f{n}(x):\n    return x + {n}  # ä\n\n\n" for n in range(40))


@pytest.fixture
def write(tmp_path: Path, cache: Any, workers: Any) -> Callable[..., Any]:
    path = tmp_path / "m.py"
    path.write_text(SOURCE)

    def run(fn: Callable[[Chunk], Any], output: Path, **options: Any) -> Any:
        return process_file(path, fn, cache=cache, workers=workers, max_bytes=64, output=output, **options)

    return run


def test_a_file_is_transformed_in_order_also_onto_itself(write: Any, tmp_path: Path) -> None:
    upper = transform(lambda chunk: chunk.data.replace(b"return", b"RETURN") if "3" in chunk.name else None)
    expected = "".join(
        f"def f{n}(x):\n    {'RETURN' if '3' in str(n) else 'return'} x + {n}  # ä\n\n\n" for n in range(40)
    )
    result = write(upper, tmp_path / "out.py")
    assert (tmp_path / "out.py").read_text() == expected
    assert (result.joined, result.results, result.chunks) == (tmp_path / "out.py", (), ())
    again = write(upper, tmp_path / "m.py")
    assert (tmp_path / "m.py").read_text() == expected
    assert again.processed == 0


def test_text_is_written_too(write: Any, tmp_path: Path) -> None:
    write(lambda chunk: f"{chunk.name}ä\n", tmp_path / "names")
    assert (tmp_path / "names").read_text() == "".join(f"f{n}ä\n" for n in range(40))


def boom(chunk: Chunk) -> bytes:
    if chunk.name == "f30":
        raise KeyError("boom")
    return b""


def test_an_error_leaves_what_was_there(write: Any, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_text("before")
    with pytest.raises(KeyError):
        write(boom, output)
    with pytest.raises(SourceError, match="int is no text"):
        write(lambda _: 1, output)
    assert output.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.py", "out"]


def test_collected_errors_keep_the_chunk_as_it_was(write: Any, tmp_path: Path) -> None:
    result = write(boom, tmp_path / "out", errors="collect")
    assert (tmp_path / "out").read_text() == "def f30(x):\n    return x + 30  # ä\n\n\n"
    assert result.failed == 1


def test_permissions_and_links_stay(write: Any, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("before")
    real.chmod(0o640)
    link.symlink_to(real)
    write(lambda _: b"x", link)
    assert link.is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("x" * 40, 0o640)
    mask = os.umask(0o027)
    try:
        write(lambda _: b"x", tmp_path / "new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["none/out", "a\0b", "m.py/out"])
def test_where_nothing_can_be_written_is_said(write: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="cannot be written"):
        write(lambda _: b"", tmp_path / name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_an_error_and_leaves_nothing(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_full_disk(number: int, mode: str) -> Any:
        os.close(number)
        return Path("/dev/full").open(mode)

    monkeypatch.setattr("perflab.chunk.processing.output.os.fdopen", on_a_full_disk)
    with pytest.raises(SourceError, match="No space left"):
        write(lambda chunk: chunk.data * 9999, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["m.py"]
