"""A layout after an edit is the layout of the edited file, and little is cut for it."""

from __future__ import annotations

import io
import random
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.chunk import Layout, Splitter, lay_out, split
from perflab.chunk.splitting import sections

FOLDER = Path(sysconfig.get_path("stdlib"))
SAMPLES = sorted((Path(__file__).parents[3] / "data" / "samples").iterdir())
INSERTED = (
    b'"""',
    b"'''",
    b'"',
    b"'",
    b"`",
    b"{",
    b"}",
    b"(",
    b"/*",
    b"*/",
    b"#",
    b"\n",
    b"\n\n\ndef f():\n    pass\n",
    b"",
)


def splitter(path: str, max_bytes: int = 64, window_bytes: int = 128) -> Splitter:
    return Splitter(path, None, max_bytes=max_bytes, window_bytes=window_bytes, timeout_s=5.0, note=None)


def corpus(nbytes: int) -> bytes:
    """Return modules of the standard library, one after the other."""
    names = ("argparse.py", "ast.py", "inspect.py", "typing.py", "tarfile.py", "decimal.py", "subprocess.py", "ssl.py")
    whole = b"\n\n".join((FOLDER / name).read_bytes() for name in names if (FOLDER / name).exists())
    return (whole * (nbytes // len(whole) + 1))[:nbytes]


def check(layout: Layout, data: bytes, how: Splitter) -> None:
    assert layout == lay_out(data, how)
    assert b"".join(chunk.data for chunk in layout.chunks(data)) == data


@settings(deadline=None)
@given(
    st.data(),
    st.sampled_from(SAMPLES),
    st.sampled_from([(64, 128), (64, 512), (200, 2000), (2000, 524_288)]),
    st.sampled_from([100, 300, 65_536]),
)
def test_small_files(draw: st.DataObject, path: Path, limits: tuple[int, int], section_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "SECTION_BYTES", section_bytes)
        how = splitter(path.name, *limits)
        data = path.read_bytes()
        layout = lay_out(data, how)
        for _ in range(draw.draw(st.integers(1, 3))):
            data = edited(draw, data)
            layout = layout.after(data)
            check(layout, data, how)
            assert list(layout.chunks(data)) == list(how.chunks(io.BytesIO(data).read))


def edited(draw: st.DataObject, data: bytes) -> bytes:
    """Return the data with a stretch taken out or moved, and another one put in."""
    start = draw.draw(st.integers(0, len(data)))
    stop = draw.draw(st.integers(start, min(len(data), start + 300)))
    cut, put = data[start:stop], draw.draw(st.sampled_from(INSERTED) | st.binary(max_size=20))
    data = data[:start] + put + data[stop:]
    if draw.draw(st.booleans()):
        to = draw.draw(st.integers(0, len(data)))
        data = data[:to] + cut + data[to:]
    return data


@settings(deadline=None)
@given(st.binary(max_size=1500), st.binary(max_size=1500), st.sampled_from(["a.py", "a.txt", "a.json"]))
def test_any_bytes_after_any_others(before: bytes, after: bytes, path: str) -> None:
    how = splitter(path)
    check(lay_out(before, how).after(after), after, how)


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"a\n", b"\n", b"def f():\n", b"  x\n", b"\n\n"]), max_size=120), st.data())
def test_repetitions(lines: list[bytes], draw: st.DataObject) -> None:
    how = splitter("a.py")
    edited = list(lines)
    for _ in range(3):
        start = draw.draw(st.integers(0, len(edited)))
        edited[start : start + draw.draw(st.integers(0, 5))] = draw.draw(st.lists(st.sampled_from(lines or [b"x"])))
    check(lay_out(b"".join(lines), how).after(b"".join(edited)), b"".join(edited), how)


def test_the_layout_holds_what_split_gives() -> None:
    for path in SAMPLES:
        data = path.read_bytes()
        for max_bytes, window_bytes in ((64, 128), (300, 4096), (2000, 524_288)):
            layout = lay_out(data, splitter(path.name, max_bytes, window_bytes))
            cut = split(data, path=path.name, max_bytes=max_bytes, window_bytes=window_bytes)
            assert list(layout.chunks(data)) == cut
            assert len(layout) == len(cut)


@pytest.mark.parametrize("path", ["a.py", "a.txt"])
def test_windows_can_be_cut_in_any_order(path: str) -> None:
    data = corpus(600_000)
    how = splitter(path, 2000, 100_000)
    windows = list(how.windows(io.BytesIO(data).read))
    assert len(windows) > 3
    chunks = [chunk for window in reversed(windows) for chunk in reversed(how.cut(window))]
    assert chunks[::-1] == list(how.chunks(io.BytesIO(data).read))
    assert b"".join(window.data for window in windows) == data


def test_random_edits_of_a_large_file_cut_little() -> None:
    data = corpus(2_000_000)
    how = splitter("a.py", 2000, 524_288)
    layout = lay_out(data, how)
    random_ = random.Random(5)
    counts = []
    for _ in range(40):
        at, length = random_.randrange(len(data)), random_.choice([0, 0, 1, 30, 500])
        edited = data[:at] + random_.choice(INSERTED) + data[at + length :]
        counts.append(layout.after(edited).cut_sections)
        last = edited
    for edited in (last, b"x" + data, data + b"x", data[1:], data[:-1], data[500_000:] + data[:500_000]):
        check(layout.after(edited), edited, how)
    assert layout.after(data).cut_sections == 0
    assert sum(count > 3 for count in counts) <= len(counts) // 10


def test_other_first_bytes_change_the_encoding() -> None:
    data = corpus(200_000)
    how = splitter("a.py", 2000, 524_288)
    for edited in (b"\0" + data, b"\xff\xfe" + data):
        check(lay_out(data, how).after(edited), edited, how)
