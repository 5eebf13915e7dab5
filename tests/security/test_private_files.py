"""Who may read and write what perflab keeps, and what may not stand in its place: pipes, devices, links."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import perflab
from perflab import Config, PerformanceSystem
from perflab.cache import DiskCache
from perflab.compiled import kernel
from perflab.errors import PerflabError, RunError, StoreError
from perflab.record import Recorder

PROGRAM = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[2], 8))
from perflab import Config, PerformanceSystem
root = Path(sys.argv[1])
config = Config(cache={"l3_dir": root / "above" / "l3"}, record={"chunk_rows": 100}, enable_auto_optimization=False)
with PerformanceSystem(config, run_dir=root / "runs" / "one") as system:
    for number in range(300):
        system.cache.get_or_load(number, lambda: os.urandom(40_000) if number == 7 else "text")
    system.snapshot(root / "snapshot")
    system._recorder.flush()
    open_modes = [oct(path.stat().st_mode & 0o777) for path in root.rglob("*")]
    assert not [mode for mode in open_modes if int(mode, 8) & 0o077], open_modes
"""


def run_under(umask: str, root: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), umask], env=environ, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("umask", ["000"])
def test_all_that_is_kept_is_the_owners_alone_under_any_umask(umask: str, tmp_path: Path) -> None:
    run_under(umask, tmp_path)
    kept = list(tmp_path.rglob("*"))
    assert len([path for path in kept if path.suffix == ".parquet"]) > 5
    assert any(path.suffix == ".val" for path in kept)
    for path in kept:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.lstat().st_mode) == wanted, path.relative_to(tmp_path)


def disk_tier(path: Path) -> object:
    return DiskCache(path)


def run_folder(path: Path) -> object:
    return Recorder(path)


@pytest.mark.parametrize("make", [disk_tier, run_folder])
class TestRefusedFolders:
    """Each refusal names the path, owner, mode and what to do."""

    def test_writable_by_everyone(self, make: Callable[[Path], object], tmp_path: Path) -> None:
        folder = tmp_path / "open"
        folder.mkdir()
        folder.chmod(0o777)
        with pytest.raises((StoreError, RunError), match=rf"{folder}.*uid {os.geteuid()}, mode drwxrwxrwx.*chmod o-w"):
            make(folder)
        assert list(folder.iterdir()) == []

    def test_a_symbolic_link(self, make: Callable[[Path], object], tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        with pytest.raises((StoreError, RunError), match=r"link.*symbolic link.*mode lrwx.*give the folder"):
            make(tmp_path / "link")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
    def test_another_users(self, make: Callable[[Path], object], tmp_path: Path) -> None:
        folder = tmp_path / "theirs"
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)
        with pytest.raises(
            (StoreError, RunError), match=r"theirs.*another user.*uid 65534, mode drwx------.*change its"
        ):
            make(folder)


def test_a_lock_that_is_a_link_or_a_pipe_is_not_opened(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for number, plant in enumerate((lambda path: path.symlink_to(victim), os.mkfifo)):
        folder = tmp_path / f"run{number}"
        folder.mkdir(mode=0o700)
        plant(folder / ".lock")
        with pytest.raises(RunError, match="cannot be written"):
            Recorder(folder)
    assert victim.read_text() == "precious"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def sock(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 << 30)


def folder(path: Path) -> None:
    path.mkdir()


READERS: dict[str, Callable[[Path], object]] = {
    "settings.toml": Config.load,
    "trace.csv": perflab.read_trace,
    "trace.parquet": perflab.read_trace,
    "trace.unknown": perflab.read_trace,
    "source.py": lambda path: sum(1 for _ in PerformanceSystem(Config(enable_auto_optimization=False)).chunks(path)),
    "snapshot": lambda path: PerformanceSystem(Config(enable_auto_optimization=False)).restore(path),
    "run.json": lambda path: perflab.open_run(path.parent),
}


@pytest.mark.parametrize("plant", [pipe, sock, device, huge, folder])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_refused_and_never_waited_for(
    name: str, plant: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if (name, plant) == ("source.py", huge):
        pytest.skip("a large source is cut piece by piece, in bounded memory")
    plant(Path(name))
    with pytest.raises(PerflabError) as refused:
        READERS[name](tmp_path / name)
    assert name.partition(".")[0] in str(refused.value)


@pytest.mark.parametrize("name", ["nul\0byte", "x" * 300])
@pytest.mark.parametrize("read", [Config.load, perflab.read_trace, perflab.open_run])
def test_what_is_no_path_is_refused(name: str, read: Callable[[str], object]) -> None:
    with pytest.raises(PerflabError):
        read(name)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with PerformanceSystem(Config(enable_auto_optimization=False), run_dir=tmp_path / "run") as system:
        system.cache.set("key", 1)
    return tmp_path / "run"


@pytest.mark.parametrize("plant", [pipe, device])
@pytest.mark.parametrize("name", ["run.json", "accesses.parquet"])
def test_a_run_folder_reads_nothing_outside_of_itself(name: str, plant: Callable[[Path], None], run: Path) -> None:
    (run / name).unlink()
    plant(run / name)
    with pytest.raises(RunError, match=r"is a pipe|is a symbolic link"):
        _ = perflab.open_run(run).frames.accesses


def test_a_link_out_of_a_run_folder_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.move(run / "accesses.parquet", tmp_path / "private.parquet")
    (run / "accesses.parquet").symlink_to("../private.parquet")
    with pytest.raises(RunError, match="symbolic link"):
        _ = perflab.open_run(run).frames.accesses


def test_a_value_file_that_is_a_pipe_or_a_link_is_a_miss(tmp_path: Path) -> None:
    for number, plant in enumerate((pipe, device)):
        with DiskCache(tmp_path / str(number)) as cache:
            cache["key"] = os.urandom(50_000)
            (value,) = (tmp_path / str(number)).glob("??/??/*.val")
            value.unlink()
            plant(value)
            with pytest.warns(RuntimeWarning):
                assert cache.get("key") is None


def test_a_key_is_never_a_path(tmp_path: Path) -> None:
    names = ["../../outside", "/etc/passwd", "a/../../b", "nul\0", "..", "", "~root", "x" * 5_000]
    with DiskCache(tmp_path / "l3") as cache:
        for name in names:
            cache[name] = os.urandom(50_000)
        assert all(cache.get(name) is not None for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["l3"]
    assert all(path.resolve().is_relative_to(tmp_path / "l3") for path in (tmp_path / "l3").rglob("*"))


def test_compiled_code_in_a_folder_that_others_may_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numba = pytest.importorskip("numba")
    open_to_all = tmp_path / "cache"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    os.umask(before := os.umask(0))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(open_to_all))
    try:
        os.umask(0)
        assert kernel(_added).folder is None
    finally:
        os.umask(before)


def _added(a: int, b: int) -> int:
    return a + b


def test_the_report_inside_a_run_is_private_by_its_folder(run: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        perflab.open_run(run).report(run / "report.html")
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
