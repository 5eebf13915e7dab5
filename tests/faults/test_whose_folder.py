"""Cache folders that others control are refused with what to do; those of one's own are private."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from causes import another_user, python
from contract import LONGEST_S, answered, pipeline, survived

from perflab.cache import DiskCache
from perflab.errors import StoreError

OPEN = """
import sys
from perflab.cache import DiskCache
from perflab.errors import StoreError
try:
    DiskCache(sys.argv[1])
except StoreError as error:
    print(error)
"""


def make_open(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def make_link(folder: Path) -> None:
    folder.with_name("real").mkdir(mode=0o700)
    folder.symlink_to(folder.with_name("real"))


def give_away(folder: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(
            make_open,
            r"everyone may write to it \(owner uid \d+, mode drwxrwxrwx\); .*chmod o-w",
            marks=pytest.mark.fault("cache folder world-writable"),
        ),
        pytest.param(
            make_link,
            r"it is a symbolic link \(owner uid \d+, mode lrwxrwxrwx\); give the folder",
            marks=pytest.mark.fault("cache folder a symbolic link"),
        ),
        pytest.param(
            give_away,
            r"belongs to another user than uid \d+ \(owner uid 65534, mode drwx------\); choose a folder of your own",
            marks=pytest.mark.fault("cache folder of another user"),
        ),
    ],
    ids=["open", "link", "owner"],
)
def test_a_folder_that_others_control_is_refused(tmp_path: Path, make, told: str) -> None:
    folder, begun = tmp_path / "c", time.monotonic()
    make(folder)
    for use in (DiskCache, pipeline):
        with pytest.raises(StoreError, match=rf"'{folder}' is refused: .*{told}"):
            use(folder)
    assert list(folder.iterdir()) == [], "nothing was stored"
    assert time.monotonic() - begun < LONGEST_S


@pytest.mark.fault("cache folder of another user")
def test_another_user_is_refused() -> None:
    under = another_user()
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        DiskCache(Path(place, "c")).close()
        said = python(OPEN, Path(place, "c"), under=under)
    assert "belongs to another user than uid 65534 (owner uid 0, mode drwx------)" in said


@pytest.mark.fault("cache folder world-writable")
@pytest.mark.fault("cache folder taken away")
def test_a_folder_that_is_opened_to_others_while_it_is_used_is_left(tmp_path: Path) -> None:
    with pipeline(tmp_path / "c") as system:
        answered(system.cache, {"key": 1})
        shutil.rmtree(tmp_path / "c")
        make_open(tmp_path / "c")
        with survived("everyone may write", "chmod o-w", frames=system.frames, row="reject: refused"):
            answered(system.cache, {"other": 2, "key": 1})
        assert list((tmp_path / "c").glob("cache.db*")) == []


@pytest.fixture
def _umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.fault("any umask")
@pytest.mark.usefixtures("_umask")
def test_own_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    with pipeline(tmp_path / "c", tmp_path / "run", l1_bytes=100_000, l3_pickle_key=tmp_path / "key") as system:
        system.warm.start()
        with system.operation("work", key="page"):
            answered(system.cache, {"small": 1, "large": os.urandom(100_000)})
        system.snapshot()
        during = modes(tmp_path)
    after = modes(tmp_path)
    assert {path.name for path in after} >= {"cache.db", "heat.json", "hot.snapshot", "run.json", "accesses.parquet"}
    for found in (during, after):
        assert {path: mode for path, mode in found.items() if mode not in ("drwx------", "-rw-------")} == {}


def modes(place: Path) -> dict[Path, str]:
    """Return kind and mode of all that lies below a folder."""
    return {path: stat.filemode(path.lstat().st_mode) for path in place.rglob("*")}
