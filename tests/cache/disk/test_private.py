"""Private folders: they go with their process, however it ends, and never while it lives."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from perflab.cache import DiskCache
from perflab.cache.disk import private
from perflab.cache.disk.private import LOCK, PrivateFolder, remove_dead
from perflab.errors import StoreError


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test alone."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture
def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def planted(parent: Path, name: str, *, mode: int = 0o700, lock: bool = True) -> Path:
    folder = parent / name
    folder.mkdir()
    folder.chmod(mode)
    if lock:
        (folder / LOCK).touch()
    return folder


def test_the_folder_of_a_killed_process_goes_at_the_next_start(temporary: Path) -> None:
    code = (
        "from perflab.cache import DiskCache\ncache = DiskCache()\ncache['key'] = b'x' * 100_000\n"
        "print(cache.folder, flush=True)\ninput()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.parent == temporary
        assert f"-{process.pid}-" in folder.name
        DiskCache().close()
        assert (folder / "cache.db").exists(), "its process lives"
        process.send_signal(signal.SIGKILL)
    assert folder.exists()
    DiskCache().close()
    assert not folder.exists()
    assert list(temporary.iterdir()) == []


def test_a_process_id_that_was_given_again_saves_no_dead_folder_and_a_lock_saves_a_live_one(
    temporary: Path, dead_pid: int
) -> None:
    reused = planted(temporary, f"perflab-l3-{os.getpid()}-abcd_123")
    held = planted(temporary, f"perflab-l3-{dead_pid}-abcd_123")
    with (held / LOCK).open("r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert remove_dead(temporary) == 1
        assert (held.exists(), reused.exists()) == (True, False)
    assert remove_dead(temporary) == 1
    assert not held.exists()


def test_a_folder_without_a_lock_goes_by_its_process(temporary: Path, dead_pid: int) -> None:
    dead = planted(temporary, f"perflab-l3-{dead_pid}-abcd_123", lock=False)
    made_now = planted(temporary, f"perflab-l3-{os.getpid()}-abcd_123", lock=False)
    assert remove_dead(temporary) == 1
    assert (dead.exists(), made_now.exists()) == (False, True)


def test_what_is_not_ours_stays(temporary: Path, tmp_path: Path, dead_pid: int) -> None:
    name = f"perflab-l3-{dead_pid}-"
    real = planted(tmp_path, "real")
    (temporary / f"{name}symlink_").symlink_to(real)
    (temporary / f"{name}regular_").touch()
    planted(temporary, f"{name}openmode", mode=0o755)
    for other in ("perflab-l3-abcd_123", f"perflab-l2-{dead_pid}-abcd_123", f"{name}abcd_123.bak", f"{name}abc"):
        planted(temporary, other)
    before = sorted(temporary.iterdir())
    assert remove_dead(temporary) == 0
    assert sorted(temporary.iterdir()) == before
    assert (real / LOCK).exists()
    assert remove_dead(tmp_path / "missing") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_folder_of_another_user_stays(temporary: Path, dead_pid: int) -> None:
    folder = planted(temporary, f"perflab-l3-{dead_pid}-abcd_123")
    os.chown(folder, 65534, 65534)
    assert remove_dead(temporary) == 0
    assert folder.exists()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, made = private._locked, []

    def late(path: Path, flags: int, how: int) -> int:
        made.append(path.parent)
        if len(made) == 1:
            path.parent.rmdir()  # before its lock is made
        handle = lock(path, flags, how)
        if len(made) == 2:
            path.unlink()  # before its lock is held
            path.parent.rmdir()
        return handle

    monkeypatch.setattr(private, "_locked", late)
    folder = PrivateFolder()
    assert len(made) == 3
    assert folder.path == made[-1]
    assert list(temporary.iterdir()) == [folder.path]
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_a_forked_child_keeps_the_folder_of_a_killed_parent(temporary: Path) -> None:
    folder = PrivateFolder()
    child = os.fork()
    if child == 0:
        folder.remove()
        os._exit(0 if folder.path.exists() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert remove_dead(temporary) == 0
    folder.remove()
    folder.remove()
    assert list(temporary.iterdir()) == []


def test_a_leading_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with DiskCache("~/x") as cache:
        cache["key"] = 1
        assert cache.folder == tmp_path / "x"
    assert (tmp_path / "x" / "cache.db").exists()
    assert not (tmp_path / "~").exists()
    with DiskCache(tmp_path / "a~b") as cache:
        assert cache.folder == tmp_path / "a~b"
    with pytest.raises(StoreError, match=r"nobody-has-this-name.*full path"):
        DiskCache("~nobody-has-this-name/x")
