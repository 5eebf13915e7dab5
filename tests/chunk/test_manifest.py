"""Manifests tell what changed by content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perflab.chunk import Manifest, compare, split, take_manifest
from perflab.chunk import manifest as manifest_module
from perflab.chunk.chunk import digest_of
from perflab.chunk.manifest import content_digest
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
    monkeypatch.setattr(manifest_module, "chunks", None)
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


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2, "chunker": "", "files": []}'])
def test_other_text_is_no_manifest(text: str) -> None:
    with pytest.raises(SourceError, match="manifest"):
        Manifest.from_json(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone"):
        take_manifest([tmp_path / "gone.py"])
