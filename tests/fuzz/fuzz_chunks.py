"""Chunkers: joined, the chunks are the file, for any bytes, in every mode; and after an edit too."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from fuzzing import fuzzer, mutated
from hypothesis import strategies as st

from perflab.chunk import Manifest, Splitter, chunks, lay_out, split, stream, take_manifest
from perflab.errors import PerflabError

from test_split import FRAGMENTS, LANGUAGES, SAMPLES, check  # isort: skip  # on the path since `fuzzing` was imported

SCRATCH = Path(tempfile.mkdtemp(prefix="perflab-fuzz-"))
PIECES = [path.read_bytes()[:3_000] for path in SAMPLES]
CONTENT = (
    st.binary(max_size=400)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8"))
    | st.text(max_size=100).map(lambda text: text.encode("utf-16"))
    | st.lists(st.sampled_from(FRAGMENTS), max_size=80).map(b"".join)
    | mutated(PIECES)
)
SIZES = st.sampled_from([64, 150, 2_000])


def _joined(pieces: list[object]) -> bytes:
    return b"".join(piece.data for piece in pieces)  # type: ignore[attr-defined]


@fuzzer(data=CONTENT, language=st.sampled_from(LANGUAGES), most=SIZES, window=st.sampled_from([300, 4_096]))
def chunks_of_bytes(data: bytes, language: str | None, most: int, window: int) -> None:
    """Cut by their syntax, whole or in windows, the chunks are the bytes."""
    for window_bytes in (max(window, 2 * most), 524_288):
        cut = split(data, language=language, max_bytes=most, window_bytes=window_bytes)
        check(data, cut, most)
        read = list(chunks(io.BytesIO(data), language=language, max_bytes=most, window_bytes=window_bytes))
        assert [chunk.data for chunk in read] == [chunk.data for chunk in cut]


@fuzzer(
    data=CONTENT, at=st.sampled_from([None, "line", "section", "record"]), separator=st.binary(max_size=3), most=SIZES
)
def chunks_of_streams(data: bytes, at: str | None, separator: bytes, most: int) -> None:
    """Cut at lines, sections or records, the pieces are the bytes."""
    with contextlib.suppress(PerflabError):
        check(data, list(stream(io.BytesIO(data), at=at, separator=separator, max_bytes=most)), most)  # type: ignore[arg-type]


@fuzzer(before=CONTENT, language=st.sampled_from(LANGUAGES), most=SIZES, data=st.data())
def chunks_after_an_edit(before: bytes, language: str | None, most: int, data: st.DataObject) -> None:
    """What is cut again after an edit is what cutting the whole file gives."""
    after = data.draw(mutated([before]))
    splitter = Splitter("m", language, max_bytes=most, window_bytes=max(300, 2 * most), timeout_s=5.0, note=None)
    edited = lay_out(before, splitter).after(after)
    assert edited == lay_out(after, splitter)
    assert _joined(list(edited.chunks(after))) == after


@fuzzer(content=CONTENT, data=st.data())
def manifests(content: bytes, data: st.DataObject) -> None:
    """A manifest comes back from its text; a changed text is refused, or is another manifest."""
    path = SCRATCH / "m.py"
    path.write_bytes(content)
    whole = take_manifest([path]).to_json()
    assert Manifest.from_json(whole).to_json() == whole
    changed = data.draw(mutated([whole.encode()])).decode("utf-8", "replace")
    with contextlib.suppress(PerflabError):
        take_manifest([path], previous=Manifest.from_json(changed))
