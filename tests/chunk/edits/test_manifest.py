"""Manifests tell what changed by content."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.chunk import Manifest, Splitter, compare, split, take_manifest
from perflab.chunk.chunk import digest_of
from perflab.chunk.edits import manifest as manifest_module
from perflab.chunk.edits.manifest import content_digest
from perflab.chunk.edits.moves import Place, moves
from perflab.errors import SourceError


def _write(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.write_text(text)
        paths.append(path)
    return paths


def test_entries_agree_with_the_files(sample: Path) -> None:
    entry = take_manifest([sample]).files[str(sample)]
    data = sample.read_bytes()
    assert entry.size == len(data)
    assert entry.digest == digest_of(data) == content_digest(sample)
    assert entry.chunks == tuple(chunk.digest for chunk in split(data, path=sample))
    assert entry.mtime_ns == sample.stat().st_mtime_ns


def test_differences(tmp_path: Path) -> None:
    paths = _write(tmp_path, same="x = 1\n", edited="x = 2\n", gone="x = 3\n")
    before = take_manifest(paths)
    paths[1].write_text("x = 20\n")
    after = take_manifest([paths[0], paths[1], *_write(tmp_path, new="x = 4\n")])
    found = compare(before, after)
    names = {"same": "unchanged", "edited": "changed", "gone": "removed", "new": "added"}
    for name, status in names.items():
        assert getattr(found, status) == (str(tmp_path / f"{name}.py"),)
    assert (found.chunks_added, found.chunks_removed, found.chunks_unchanged) == (2, 2, 1)


def test_an_edit_that_keeps_size_and_time_is_found(tmp_path: Path) -> None:
    (path,) = _write(tmp_path, a="x = 1\n")
    before = take_manifest([path])
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text("x = 2\n")
    os.utime(path, ns=times)
    after = take_manifest([path], previous=before)
    assert compare(before, after).changed == (str(path),)
    assert after.files[str(path)].chunks == (digest_of(b"x = 2\n"),)


def test_a_touched_file_is_not_cut_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = _write(tmp_path, a="x = 1\n")
    before = take_manifest([path])
    os.utime(path, ns=(0, 0))
    monkeypatch.setattr(manifest_module, "lay_out", None)
    monkeypatch.setattr(manifest_module, "Layout", None)
    after = take_manifest([path], previous=before)
    assert compare(before, after).unchanged == (str(path),)
    assert after.files[str(path)].mtime_ns == 0


def test_other_limits_are_not_taken_for_the_same(tmp_path: Path) -> None:
    (path,) = _write(tmp_path, a="def f():\n    return 1\n\n" * 50)
    before = take_manifest([path])
    after = take_manifest([path], previous=before, max_bytes=100)
    assert len(after.files[str(path)].chunks) > len(before.files[str(path)].chunks)


def test_json_round_trip(sample: Path) -> None:
    taken = take_manifest([sample])
    assert Manifest.from_json(taken.to_json()) == taken


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "chunker": "", "files": []}'])
def test_other_text_is_no_manifest(text: str) -> None:
    with pytest.raises(SourceError, match="manifest"):
        Manifest.from_json(text)


FUNCTION = "def f{0}(x):\n" + "    x = x + {0}\n" * 40 + "\n\n"


def _functions(*numbers: int) -> str:
    return "".join(FUNCTION.format(number) for number in numbers)


def test_moved_and_deleted_chunks_are_told(tmp_path: Path) -> None:
    paths = _write(tmp_path, a=_functions(1, 2, 3, 4), b=_functions(5, 6))
    before = take_manifest(paths, max_bytes=700)
    _write(tmp_path, a=_functions(1, 3, 2), b=_functions(5, 7, 4))
    found = compare(before, take_manifest(paths, previous=before, max_bytes=700))
    assert {(old.name, Path(old.path).stem, Path(new.path).stem) for old, new in found.moved} in (
        {("f4", "a", "b"), ("f2", "a", "a")},
        {("f4", "a", "b"), ("f3", "a", "a")},
    )
    assert [place.name for place in found.deleted] == ["f6"]
    assert (found.chunks_added, found.chunks_removed, found.chunks_unchanged) == (1, 1, 5)


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=12), st.lists(st.integers(0, 6), max_size=12))
def test_moves_account_for_every_chunk(before: list[int], after: list[int]) -> None:
    old, new = ([Place("a", at, "", str(number)) for at, number in enumerate(side)] for side in (before, after))
    moved, gone, fresh = moves([(old, new)])
    assert Counter(place.digest for place in gone) == Counter(map(str, before)) - Counter(map(str, after))
    assert Counter(place.digest for place in fresh) == Counter(map(str, after)) - Counter(map(str, before))
    stayed = [place.digest for place in old if place not in {*gone, *(origin for origin, _ in moved)}]
    assert stayed == [place.digest for place in new if place not in {*fresh, *(target for _, target in moved)}]
    assert all(origin.digest == target.digest for origin, target in moved)


def test_an_edited_file_is_cut_only_where_it_was_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = _write(tmp_path, a=_functions(*range(600)))
    before = Manifest.from_json(take_manifest([path]).to_json())
    path.write_text(path.read_text().replace("x + 300\n", "x + 3000\n", 1))
    fresh = take_manifest([path])
    monkeypatch.setattr(manifest_module, "lay_out", None)
    again = take_manifest([path], previous=before)
    assert again == fresh
    difference = compare(before, again)
    assert (difference.chunks_added, difference.chunks_removed) == (1, 1)


def test_a_large_file_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = _write(tmp_path, a=_functions(*range(100)))
    held = take_manifest([path])
    monkeypatch.setattr(manifest_module, "_HELD_BYTES", 1000)
    streamed = take_manifest([path])
    assert streamed == held
    monkeypatch.setattr(Splitter, "windows", None)
    assert take_manifest([path], previous=held) == held


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone"):
        take_manifest([tmp_path / "gone.py"])
