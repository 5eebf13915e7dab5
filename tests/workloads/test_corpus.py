"""Which files are read: deterministic, bounded, and every file that is left out has a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perflab.errors import SourceError
from perflab.workloads.corpus import copy_corpus, select
from perflab.workloads.edit import EDITS, add_file, delete_file, edit_one_function, rename_one_function


def write(root: Path, path: str, data: bytes) -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def test_standard_library_is_subset_by_seed_within_the_limit() -> None:
    first, again, other = (select(seed=seed, limit_bytes=150_000) for seed in (1, 1, 2))
    assert first == again
    assert {file.feature for file in first.files} != {file.feature for file in other.files}
    assert 75_000 < first.nbytes <= 150_000
    parts = {part for file in first.files for part in file.path.split("/")}
    assert not parts & {"test", "tests", "idlelib", "site-packages", "__pycache__", "pydoc_data"}


def test_whole_features_are_taken() -> None:
    whole = select()
    part = select(limit_bytes=400_000)
    taken = {file.feature for file in part.files}
    assert {f.path for f in part.files} == {f.path for f in whole.files if f.feature in taken}


def test_files_and_features_have_bounds_of_their_own() -> None:
    assert len({file.feature for file in select(max_features=2).files}) == 2
    few = select(max_files=12)
    assert 0 < len(few.files) <= 12
    assert select(max_files=12, seed=7).files != few.files
    (one,) = select(max_files=1).files
    assert one.nbytes > 0


def test_the_smallest_feature_is_taken_if_none_fits(tmp_path: Path) -> None:
    write(tmp_path, "big/a.py", b"x = 1\n" * 50)
    write(tmp_path, "small/a.py", b"x = 1\n")
    assert [file.path for file in select(tmp_path, limit_bytes=1).files] == ["small/a.py"]


def test_features_are_the_folders_below_what_all_share(tmp_path: Path) -> None:
    for path in ("src/app/Core Parts/a.py", "src/app/_io/b.ts", "src/app/main.py", "src/app/日本/c.py"):
        write(tmp_path, path, b"")
    features = {file.path: file.feature for file in select(tmp_path).files}
    assert features["src/app/Core Parts/a.py"] == "core-parts"
    assert features["src/app/_io/b.ts"] == "io"
    assert features["src/app/main.py"] == "modules"
    assert features["src/app/日本/c.py"].startswith("x")


def test_a_large_flat_folder_is_split_by_letter(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path, f"{'ab'[number % 2]}{number}.py", b"")
    assert {file.feature for file in select(tmp_path).files} == {"modules-a", "modules-b"}


def test_every_unreadable_file_has_its_reason(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside.py", b"x = 1\n")
    root = tmp_path / "root"
    write(root, "good.py", b"x = 1\n")
    write(root, "binary.py", b"x\0y")
    write(root, "latin.py", b"x = '\xe9'\n")
    write(root, "large.py", b"#" * 2000)
    write(root, "ours.md", b"---\nid: DOC-A\n")
    write(root, "tick`s.py", b"")
    write(root, "new\nline.py", b"")
    (root / "leaves.py").symlink_to(outside)
    (root / "dangling.py").symlink_to(root / "nowhere")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.py")
    corpus = select(root, max_bytes=1000)
    assert [file.path for file in corpus.files] == ["good.py"]
    reasons = {item.path: item.reason for item in corpus.skipped}
    assert reasons["binary.py"] == "it is binary"
    assert reasons["latin.py"] == "it is not UTF-8 (byte 5)"
    assert reasons["large.py"] == "its 2000 bytes are more than 1000"
    assert reasons["ours.md"] == "it is a document that perflab made"
    assert reasons["leaves.py"] == "it is a link that leaves the folder"
    assert reasons["pipe.py"] == "it is not a regular file"
    assert reasons["folder"] == "a link to a folder is not followed"
    assert "cannot be read" in reasons["dangling.py"]
    assert reasons["tick's.py"] == reasons["new line.py"] == "its name has characters that a document cannot quote"


def test_a_name_that_is_not_utf8_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "good.py", b"")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/b\xff.py")).write_bytes(b"")
    corpus = select(tmp_path)
    assert [file.path for file in corpus.files] == ["good.py"]
    assert corpus.skipped[0].path.encode("utf-8")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, "good.py", b"")
    write(tmp_path, "secret.py", b"").chmod(0)
    assert [item.path for item in select(tmp_path).skipped] == ["secret.py"]


def test_a_source_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    file = write(tmp_path, "file.py", b"")
    (tmp_path / "empty").mkdir()
    write(tmp_path, "pictures/a.png", b"\x89PNG")
    write(tmp_path, "binary/a.py", b"\0")
    for source, words in {
        tmp_path / "missing": "does not exist",
        file: "is not a folder",
        tmp_path / "empty": "no readable source file",
        tmp_path / "pictures": "no readable source file",
        tmp_path / "binary": "because it is binary",
    }.items():
        with pytest.raises(SourceError, match=words) as caught:
            select(source)
        assert "\n" not in str(caught.value)


def test_a_copy_is_the_same_corpus_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, "tree/pkg/a.py", b"x = 1\n")
    write(tmp_path, "tree/__init__.py", b"")
    corpus = select(tmp_path / "tree")
    copy = copy_corpus(corpus, tmp_path / "copy")
    assert (copy.name, copy.package) == (corpus.name, corpus.package) == ("tree", "tree")
    assert [file.path for file in copy.files] == [file.path for file in corpus.files]
    assert all(file.absolute.read_bytes() == (corpus.root / file.path).read_bytes() for file in copy.files)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_an_edit_adds_one_line_to_one_function(tmp_path: Path, ending: bytes) -> None:
    source = ending.join([b"def f(a):", b'    """Doc."""', b"    @g", b"    def h(): return 1", b"    return h", b""])
    target = write(tmp_path, "a.py", source)
    write(tmp_path, "broken.py", b"def (:\n")
    edit = edit_one_function(tmp_path, 5)
    lines = target.read_bytes().split(ending)
    assert (edit.path, edit.function) == ("a.py", "f")
    assert lines.pop(edit.line - 1) == b"    edited = 5"
    assert ending.join(lines) == source


def test_the_same_seed_makes_the_same_edit(tmp_path: Path) -> None:
    corpus = select(limit_bytes=60_000)
    one, two = (copy_corpus(corpus, tmp_path / name).root for name in ("one", "two"))
    edit = edit_one_function(one, 3)
    assert edit == edit_one_function(two, 3)
    assert (one / edit.path).read_bytes() == (two / edit.path).read_bytes()
    changed = [f.path for f in corpus.files if f.absolute.read_bytes() != (one / f.path).read_bytes()]
    assert changed == [edit.path]


def test_a_tree_without_functions_cannot_be_edited(tmp_path: Path) -> None:
    write(tmp_path, "a.py", b"def f(): return 1\ndef g():\n    'only a docstring'\n")
    with pytest.raises(SourceError, match="no Python function"):
        edit_one_function(tmp_path)


def test_a_rename_reaches_every_mention_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def find():\n    return 1\n\n\nx = [find(), 'refind find']\n")
    edit = rename_one_function(tmp_path, 7)
    assert (edit.path, edit.function, edit.line) == ("a.py", "find", 1)
    assert (tmp_path / "a.py").read_text() == "def find_7():\n    return 1\n\n\nx = [find_7(), 'refind find_7']\n"


def test_files_are_added_beside_others_and_removed_from_them(tmp_path: Path) -> None:
    for name in ("a.py", "b.py", "alone/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert delete_file(tmp_path, 1).path in ("a.py", "b.py")
    assert (tmp_path / add_file(tmp_path, 1).path).read_text().count("def added") == 1
    assert len(list(tmp_path.rglob("*.py"))) == 3


@pytest.mark.parametrize("kind", EDITS)
def test_a_tree_without_python_cannot_be_edited(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SourceError, match="give a copy of a tree that has one"):
        EDITS[kind](tmp_path, 1)
