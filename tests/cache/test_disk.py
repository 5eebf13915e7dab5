"""The disk tier: a mapping that survives processes, damage, planted data and folders that take no writes."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from perflab.cache import DiskCache
from perflab.cache.safe_disk import SafeDisk
from perflab.errors import StoreError
from perflab.record import Recorder

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
LARGE = os.urandom(100_000)  # cannot be compressed, so it goes into a file of its own


class Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def events(recorder: Recorder) -> list[tuple[str, str, str | None]]:
    frame = recorder.frames.accesses
    named = frame.astype(object).where(frame.notna(), None)
    return [(row.key, row.event, row.reason) for row in named.itertuples()]


def value_file(folder: Path) -> Path:
    (found,) = folder.glob("??/??/*.val")
    return found


def sql(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / "cache.db")) as connection, connection:
        connection.execute(statement, values)


@contextlib.contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """Mount, or skip the test by name where that is not allowed."""
    target = arguments[-1]
    if (
        os.geteuid()
        or not Path(MOUNT).exists()
        or subprocess.run([MOUNT, *arguments], capture_output=True, check=False).returncode
    ):
        pytest.skip(f"mount {' '.join(arguments[:-1])} is not permitted here")
    try:
        yield
    finally:
        subprocess.run([UMOUNT, target], check=True)


def fill(place: Path) -> None:
    """Leave no byte free."""
    with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)


def test_a_mapping_that_outlives_the_process(tmp_path: Path) -> None:
    keys = ["a", 1, 1.0, True, (1,), (1.0,), math.nan, "\ud800", "\0", "", b"", "k" * 2_000_000, None]
    with DiskCache(tmp_path / "c") as cache:
        for number, key in enumerate(keys):
            cache[key] = {"number": number, "array": np.arange(number)}
    with DiskCache(tmp_path / "c") as again:
        assert [again[key]["number"] for key in keys] == list(range(len(keys)))
        assert len(again) == len(list(again)) == len(keys)
        del again["a"]
        assert "a" not in again
        with pytest.raises(KeyError):
            again["a"]
        assert again.pop(1)["number"] == 1
        assert again.clear() == len(keys) - 2
        assert len(again) == 0


def test_modes_and_owner_are_private_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with DiskCache(tmp_path / "c") as cache:
            cache["large"] = LARGE
            found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "c").rglob("*")}
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o700
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}


def test_a_folder_that_others_control_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StoreError, match=r"link.*symbolic link.*owner uid.*give the folder"):
        DiskCache(tmp_path / "link")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(StoreError, match=r"open.*everyone may write.*drwxrwxrwx.*chmod o-w"):
        DiskCache(tmp_path / "open")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a folder"):
        DiskCache(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(StoreError, match=r"theirs.*another user.*owner uid 65534"):
        DiskCache(tmp_path / "theirs")


def test_a_newer_schema_and_a_foreign_database_are_refused(tmp_path: Path) -> None:
    DiskCache(tmp_path / "c").close()
    for version, whose in ((2, "newer version"), (0, "another program")):
        sql(tmp_path / "c", f"PRAGMA user_version = {version}")
        with pytest.raises(StoreError, match=f"schema version {version}.*{whose}"):
            DiskCache(tmp_path / "c")


@pytest.mark.parametrize("value", ["small", LARGE], ids=["row", "file"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damaged_values_are_misses_and_leave(tmp_path: Path, value: object, damage: str) -> None:
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"], cache["other"] = value, "fine"
        if value is LARGE:
            data = bytearray(value_file(tmp_path / "c").read_bytes())
        else:
            with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db")) as connection:
                data = bytearray(connection.execute("SELECT value FROM Cache ORDER BY rowid").fetchone()[0])
        if damage == "flip":
            data[-3] ^= 1
        bad = {"flip": bytes(data), "cut": bytes(data[:-3]), "empty": b""}[damage]
        if value is LARGE:
            value_file(tmp_path / "c").write_bytes(bad)
        else:
            sql(tmp_path / "c", "UPDATE Cache SET value = ? WHERE rowid = 1", bad)
        with pytest.warns(RuntimeWarning, match="refused, removed"):
            assert cache.get("key") is None
        assert cache["other"] == "fine"
        assert list(cache) == ["other"]
        assert events(recorder)[-1] == ("key", "quarantine", "checksum")
        cache["key"] = value
        assert cache["key"] == value


def test_a_value_that_was_moved_to_another_key_is_found_out(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["one"], cache["two"] = 1, 2
        sql(tmp_path / "c", "UPDATE Cache SET value = (SELECT value FROM Cache WHERE rowid = 1) WHERE rowid = 2")
        with pytest.warns(RuntimeWarning, match="checksum"):
            assert cache.get("two") is None
        assert cache["one"] == 1


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 9])
@pytest.mark.parametrize("where", ["row", "file"])
def test_planted_pickles_never_run(tmp_path: Path, mode: int, where: str) -> None:
    recorder, proof = Recorder(), tmp_path / "executed"
    planted = pickle.dumps(Planted(proof))
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = LARGE if where == "file" else "small"
        if where == "file":
            value_file(tmp_path / "c").write_bytes(planted)
            sql(tmp_path / "c", "UPDATE Cache SET mode = ?", mode)
        else:
            sql(tmp_path / "c", "UPDATE Cache SET mode = ?, value = ?, filename = NULL", mode, planted)
        with pytest.warns(RuntimeWarning, match="refused"):
            assert cache.get("key") is None
        assert events(recorder)[-1][1] == "quarantine"
    assert not proof.exists()


def test_planted_keys_and_file_names_are_not_followed(tmp_path: Path) -> None:
    proof, secret = tmp_path / "executed", tmp_path / "secret"
    secret.write_bytes(b"secret")
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = LARGE
        sql(
            tmp_path / "c", "INSERT INTO Cache (key, raw, mode, size) VALUES (?, 0, 4, 1)", pickle.dumps(Planted(proof))
        )
        sql(
            tmp_path / "c", "INSERT INTO Cache (key, raw, mode, size) VALUES (?, 1, 4, 1)", pickle.dumps(Planted(proof))
        )
        sql(tmp_path / "c", "UPDATE Cache SET filename = '../secret' WHERE filename IS NOT NULL")
        with pytest.warns(RuntimeWarning, match="refused"):
            assert (list(cache), cache.get("key")) == (["key"], None)
        assert cache.clear() == 0
    assert not proof.exists()
    assert secret.read_bytes() == b"secret"


def test_every_other_door_of_diskcache_is_shut(tmp_path: Path) -> None:
    disk = SafeDisk(str(tmp_path), min_file_size=10)
    for refused in (
        lambda: disk.put((1, 2)),  # type: ignore[arg-type]
        lambda: disk.get(b"key", False),
        lambda: disk.store("text", False),  # type: ignore[arg-type]
        lambda: disk.store(b"bytes", True),
        lambda: disk.fetch(1, None, "text", False),
        lambda: disk.fetch(4, None, pickle.dumps(1), False),
        lambda: disk.fetch(2, "/etc/passwd", None, False),
    ):
        with pytest.raises(StoreError):
            refused()


@pytest.mark.parametrize("damage", ["header", "truncated", "empty", "folder", "middle"])
def test_a_broken_database_is_put_aside(tmp_path: Path, damage: str) -> None:
    recorder, path = Recorder(), tmp_path / "c" / "cache.db"
    with DiskCache(tmp_path / "c") as cache:
        cache.update(dict.fromkeys(range(200), "x" * 1000))
    if damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        data = path.read_bytes()
        path.write_bytes(
            {
                "header": b"garbage!" * 20 + data[160:],
                "truncated": data[: len(data) // 3],
                "empty": b"",
                "middle": data[:4_096] + os.urandom(len(data) - 4_096),
            }[damage]
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with DiskCache(tmp_path / "c", recorder=recorder) as cache:
            assert cache.get(7) is None
            assert cache.set("new", 1)
            assert cache["new"] == 1
    (message,) = (str(warning.message) for warning in caught)
    assert str(path) in message
    assert "quarantine-1" in message
    assert (tmp_path / "c" / "cache.db.quarantine-1").exists()
    assert (None, "quarantine", "damaged") in events(recorder)


def test_damage_that_appears_while_open_is_repaired(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["old"] = "x"
        cache._rows.store._opened().close()
        (tmp_path / "c" / "cache.db").write_bytes(b"garbage!" * 1_000)
        with pytest.warns(RuntimeWarning, match="put aside"):
            assert cache.set("key", 1)
        assert cache["key"] == 1


def test_a_deleted_folder_is_made_again(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = LARGE
        shutil.rmtree(tmp_path / "c")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cache.get("key")
            cache["key"] = LARGE
            cache["again"] = 1
        assert cache.get("again") == 1


def test_a_full_disk_is_passed_through(tmp_path: Path) -> None:
    recorder, place = Recorder(), tmp_path / "small"
    place.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)):
        with DiskCache(place / "c", recorder=recorder) as cache:
            cache["kept"], cache["large"] = "value", LARGE
            fill(place)
            with pytest.warns(RuntimeWarning, match="disk full") as caught:
                results = [cache.set(key, LARGE) for key in ("more-0", "more-1", "kept")]
            assert results == [False] * 3
            assert len(caught) == 1
            assert cache.get("kept") is None, "the replaced value must not come back"
            assert cache["large"] == LARGE
            assert [event for event in events(recorder) if event[0] == "more-1"] == [("more-1", "reject", "disk full")]
            (place / "filler").unlink()
            assert all(cache.set(f"more-{n}", LARGE) for n in range(5))
        fill(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with DiskCache(place / "c") as cache:
                assert cache["more-0"] == LARGE
                assert cache.clear() >= 1
                assert len(cache) == 0
            with DiskCache(place / "c") as cache:
                assert cache.set("room", b"y" * 50_000), "clear made room"


def test_a_read_only_folder_is_read(tmp_path: Path) -> None:
    recorder = Recorder()
    with DiskCache(tmp_path / "c") as cache:
        cache["small"], cache["large"] = "value", LARGE
    with mounted("--bind", str(tmp_path / "c"), str(tmp_path / "c")):
        subprocess.run([MOUNT, "-o", "remount,bind,ro", str(tmp_path / "c")], check=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with DiskCache(tmp_path / "c", recorder=recorder) as cache:
                assert cache["small"] == "value"
                assert cache["large"] == LARGE
                assert cache.set("small", "new") is False
                assert cache.get("small") is None, "the replaced value must not come back"
                assert cache.set("other", 1) is False
                assert cache.delete("large")
                assert len(cache) == 0
        assert len(caught) == 1
        assert "cannot be written" in str(caught[0].message)
        assert ("other", "reject", "read-only") in events(recorder)


def test_inside_a_process_time_to_live_is_monotonic(tmp_path: Path) -> None:
    timer, wall = Clock(), Clock()
    with DiskCache(tmp_path / "c", timer=timer, wall=wall) as cache:
        cache.set("key", 1, ttl=60)
        for step in (7_200, -14_400):
            wall.now += step
            assert cache.get("key") == 1
            assert cache.ttl("key") == 60
        timer.now += 60
        assert cache.get("key") is None


def test_across_processes_only_created_until_expires_is_believed(tmp_path: Path) -> None:
    wall, recorder = Clock(), Recorder()
    with DiskCache(tmp_path / "c", wall=wall) as cache:
        cache.set("key", 1, ttl=60)
        cache["endless"] = 2
    with DiskCache(tmp_path / "c", wall=wall, recorder=recorder) as other:
        for now, value in ((1_000.0, 1), (1_059.9, 1), (999.9, None), (1_000.0, 1)):
            wall.now = now
            assert other.get("key") == value
        wall.now = 1_059.0
        assert other.ttl("key") == 1.0
        assert (other.ttl("endless"), other.entry("endless").deadline) == (math.inf, math.inf)
        wall.now = 1_060.0
        assert other.get("key") is None
        assert events(recorder) == [("key", "expire", "ttl")]


def test_touch_and_zero_ttl(tmp_path: Path) -> None:
    timer, wall = Clock(), Clock()
    with DiskCache(tmp_path / "c", timer=timer, wall=wall) as cache:
        cache.set("key", 1, ttl=10)
        assert cache.touch("key", 100)
        assert cache.ttl("key") == 100
        assert cache.touch("missing", 5) is False
        assert cache.touch("key", 0) is False
        assert cache.set("key", 2, ttl=0) is False
        assert "key" not in cache


def test_unsupported_types_are_named_and_the_old_value_stays(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["key"] = "old"
        with pytest.raises(StoreError, match=r"'key'.*Clock"):
            cache["key"] = Clock()
        assert cache["key"] == "old"


def test_the_bound_holds_and_the_oldest_leaves(tmp_path: Path) -> None:
    recorder, wall = Recorder(), Clock()
    with DiskCache(tmp_path / "c", 200_000, wall=wall, recorder=recorder) as cache:
        for number in range(40):
            wall.now += 1
            cache[number] = os.urandom(40_000 if number % 2 else 10_000)
            assert cache.nbytes <= cache.max_bytes
        assert cache.set("giant", os.urandom(300_000)) is False
        kept = sorted(cache)
        assert kept == list(range(40 - len(kept), 40))
        evicted = [int(key) for key, event, _ in events(recorder) if event == "evict"]
        assert evicted == list(range(40 - len(kept)))
        assert len(list((tmp_path / "c").glob("??/??/*.val"))) == sum(key % 2 for key in kept)


def test_a_killed_writer_leaves_what_was_acknowledged_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import math, sys\nfrom perflab.cache import DiskCache\n"
        "cache = DiskCache(sys.argv[1], compress_bytes=math.inf)\n"
        "for n in range(10**6):\n    cache[n] = b'x' * 40_000\n    print(n, flush=True)\n"
    )
    path = tmp_path / "c"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout]
    orphan = path / "ab" / "cd" / f"{writer.pid}-{'0' * 28}.val"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"half")
    with DiskCache(path) as cache:
        assert all(cache[n] == b"x" * 40_000 for n in acknowledged)
        assert len(list(path.glob("??/??/*.val"))) == len(cache)
    assert not orphan.exists()


def test_eight_processes_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom perflab.cache import DiskCache\n"
        "with DiskCache(sys.argv[1]) as cache:\n"
        "    print(sum(cache.set((sys.argv[2], n), n) for n in range(50)))\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "c"), str(number)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for number in range(8)
    ]
    assert [int(writer.communicate(timeout=60)[0]) for writer in writers] == [50] * 8
    with DiskCache(tmp_path / "c") as cache:
        assert len(cache) == 400
        assert all(cache[str(p), n] == n for p in range(8) for n in range(50))


def test_both_sides_of_a_fork_work(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["before"] = 1
        child = os.fork()
        if child == 0:
            done = cache.get("before") == 1 and cache.set("child", 2)
            os._exit(0 if done else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert (cache["before"], cache["child"]) == (1, 2)
        assert cache.set("after", 3)


def test_threads_share_one_store(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        threads = [threading.Thread(target=lambda t=t: [cache.set((t, n), n) for n in range(20)]) for t in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cache) == 160


def test_the_private_folder_goes_with_close_and_close_is_final() -> None:
    cache = DiskCache()
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    cache.close()
    cache.close()
    assert not cache.folder.exists()
    for use in (lambda: cache.get("a"), lambda: cache.set("a", 1), lambda: len(cache), lambda: cache.delete("a")):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_a_locked_database_costs_seconds_and_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.cache.store.BUSY_S", 0.05)
    recorder = Recorder()
    with DiskCache(tmp_path / "c", recorder=recorder) as cache:
        cache["key"] = 1
        with contextlib.closing(sqlite3.connect(tmp_path / "c" / "cache.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.warns(RuntimeWarning, match="busy"):
                assert cache.set("more", 2) is False
            assert cache["key"] == 1
            other.execute("ROLLBACK")
        assert ("more", "reject", "busy") in events(recorder)
        assert cache.set("more", 2)


class Model(RuleBasedStateMachine):
    """A disk tier, reopened at any time, against a dict of value and expiry."""

    keys = st.sampled_from(["a", "b", 1, 1.0, True, (1,)])

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(time.time())
        self.owner = DiskCache(timer=self.clock, wall=self.clock)
        self.cache = DiskCache(self.owner.folder, 3_000, timer=self.clock, wall=self.clock)
        self.model: dict[str, tuple[object, float]] = {}

    def live(self) -> dict[str, object]:
        return {key: value for key, (value, expires) in self.model.items() if expires > self.clock.now}

    @rule(key=keys, value=st.integers() | st.binary(max_size=300), ttl=st.none() | st.integers(0, 20))
    def store(self, key: object, value: object, ttl: int | None) -> None:
        self.model.pop(repr(key), None)
        if self.cache.set(key, value, ttl=ttl):
            self.model[repr(key)] = (value, math.inf if ttl is None else self.clock.now + ttl)

    @rule(key=keys)
    def read(self, key: object) -> None:
        assert self.cache.get(key) == self.live().get(repr(key))

    @rule(key=keys)
    def delete(self, key: object) -> None:
        assert self.cache.delete(key) == (repr(key) in self.live())
        self.model.pop(repr(key), None)

    @rule(seconds=st.integers(1, 8))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def reopen(self) -> None:
        self.cache.close()
        self.cache = DiskCache(self.owner.folder, 3_000, timer=self.clock, wall=self.clock)

    @invariant()
    def bound_holds_and_content_agrees(self) -> None:
        assert self.cache.nbytes <= 3_000
        assert {repr(key) for key in self.cache} == set(self.live())

    def teardown(self) -> None:
        self.cache.close()
        self.owner.close()


TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, max_examples=8, stateful_step_count=20)
