"""Loading what is missing: nothing behind a key, costs, loads that hang or die, and the same among processes."""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import math
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from perflab.cache import MISSING, DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.cache.loading.absences import Absences
from perflab.cache.tiers.readthrough import LOCKS
from perflab.errors import ConfigError, StoreError
from perflab.record import Recorder


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def make(clock: Clock | None = None, folder: Path | None = None) -> TieredCache:
    timer, recorder = clock or Clock(), Recorder()
    return TieredCache(
        MemoryCache(100_000, timer=timer, recorder=recorder),
        TTLCache(100_000, timer=timer, recorder=recorder),
        None if folder is None else DiskCache(folder, timer=timer, wall=timer, recorder=recorder),
        recorder,
    )


def nothing() -> NoReturn:
    raise KeyError("no such page")


def load_sync(cache: TieredCache, loader: Callable[[], Any], **terms: Any) -> Any:
    return cache.get_or_load("key", loader, **terms)


def load_async(cache: TieredCache, loader: Callable[[], Any], **terms: Any) -> Any:
    async def load() -> Any:
        return loader()

    return asyncio.run(cache.aget_or_load("key", load, **terms))


def fail() -> NoReturn:
    raise ValueError("no answer")


both = pytest.mark.parametrize("load", [load_sync, load_async])


@both
def test_an_absence_is_remembered_for_its_time(load: Callable[..., Any]) -> None:
    clock = Clock()
    with make(clock) as cache:
        for _ in range(2):
            with pytest.raises(KeyError, match="no such page"):
                load(cache, nothing, negative_ttl=30)
            with pytest.raises(KeyError, match="no such page"):
                load(cache, lambda: pytest.fail("it is remembered"))
            assert ("key" in cache, cache.get("key", MISSING)) == (False, MISSING)
            clock.now += 30
        assert load(cache, lambda: "there") == "there"
        rows = cache.recorder.frames.accesses
        assert rows.loc[rows["event"] == "load", "reason"].tolist()[:2] == ["absent", "absent"]


@both
@pytest.mark.parametrize("write", ["set", "clear", "delete"])
def test_an_absence_ends_when_the_key_is_written(load: Callable[..., Any], write: str) -> None:
    with make() as cache:
        with pytest.raises(KeyError):
            load(cache, nothing, negative_ttl=30)
        {"set": lambda: cache.set("key", 1), "clear": cache.clear, "delete": lambda: cache.delete("key")}[write]()
        assert load(cache, lambda: 2) == (1 if write == "set" else 2)


@both
def test_a_key_that_is_written_while_its_loader_finds_nothing_is_not_absent(load: Callable[..., Any]) -> None:
    with make() as cache:

        def late() -> NoReturn:
            cache.set("key", 1)
            cache.delete("key")
            nothing()

        with pytest.raises(KeyError):
            load(cache, late, negative_ttl=30)
        assert load(cache, lambda: 2) == 2


@both
def test_only_what_is_said_to_mean_nothing_is_remembered(load: Callable[..., Any]) -> None:
    with make() as cache:
        for terms in (
            {},
            {"missing": KeyError},
            {"negative_ttl": 30, "missing": FileNotFoundError},
            {"negative_ttl": 0},
        ):
            with pytest.raises(KeyError):
                load(cache, nothing, **terms)
        assert load(cache, lambda: 2, negative_ttl=30) == 2


def test_none_lives_for_the_negative_time_if_there_is_one() -> None:
    clock = Clock()
    with make(clock) as cache:
        assert cache.get_or_load("a", lambda: None, ttl=100, negative_ttl=5) is None
        assert cache.get_or_load("b", lambda: None, ttl=100) is None
        assert cache.get_or_load("c", lambda: 0, ttl=100, negative_ttl=5) == 0
        assert (cache.ttl("a"), cache.ttl("b"), cache.ttl("c")) == (5, 100, 100)


class OddError(Exception):
    """Cannot be copied: its arguments are not those of its constructor."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first}{second}")


def test_remembered_errors_hold_no_frames_and_are_few() -> None:
    clock = Clock()
    absences = Absences(clock, limit=2)
    try:
        nothing()
    except KeyError as error:
        absences.note("a", error, 5)
    first, second = absences.find("a"), absences.find("a")
    assert first is not None
    assert first is not second
    assert first.__traceback__ is None
    for key, number in (("b", 1), (True, 2), (1, 3)):
        absences.note(key, OddError(number, 0), 5)
    assert [repr(absences.find(key)) for key in ("a", "b", True, 1, 1.0)] == [
        "None",
        "None",
        "OddError('20')",
        "OddError('30')",
        "None",
    ]
    clock.now += 5
    assert (absences.find(1), len(absences)) == (None, 1)


def test_remembered_errors_hold_no_frames_where_errors_are_taught_to_travel_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def rebuilt(kind: type[KeyError], arguments: tuple[object, ...], trace: object, cause: BaseException) -> KeyError:
        made = kind(*arguments)
        made.__cause__ = cause
        return made.with_traceback(trace)  # type: ignore[arg-type]  # what the error had

    monkeypatch.setitem(
        copyreg.dispatch_table,
        KeyError,
        lambda error: (rebuilt, (type(error), error.args, error.__traceback__, error.__cause__)),
    )
    absences = Absences(Clock())
    try:
        nothing()
    except KeyError as error:
        error.__cause__ = ValueError("why")
        absences.note("a", error, 5)
    found = absences.find("a")
    assert repr(found) == "KeyError('no such page')"
    assert found is not None
    assert (found.__traceback__, found.__cause__, found.__context__) == (None, None, None)


def test_a_cost_goes_with_the_entry_through_the_memory_tiers() -> None:
    with make() as cache:
        cache.get_or_load("said", lambda: 1, cost=7)
        cache.get_or_load("measured", lambda: threading.Event().wait(0.002))
        cache["set"] = 1
        costs = {key: cache.l1.peek(key).facts.cost for key in cache.l1}
        assert costs["said"] == 7
        seconds = cache.recorder.frames.accesses.query("event == 'load' and key == 'measured'")["duration_s"].item()
        assert costs["measured"] == seconds >= 0.002
        assert costs["set"] is None
        cache.l1.resize(0)
        assert cache.l2.peek("said").facts.cost == 7


@both
@pytest.mark.parametrize(
    "terms", [{"ttl": -1}, {"cost": math.nan}, {"cost": "1"}, {"cost": math.inf}, {"negative_ttl": -1}]
)
def test_terms_that_make_no_sense_are_refused_before_the_load(load: Callable[..., Any], terms: dict[str, Any]) -> None:
    with make() as cache, pytest.raises(ConfigError, match=f"^{next(iter(terms))} is .* 0 or more"):
        load(cache, lambda: pytest.fail("not to be loaded"), **terms)


@pytest.mark.parametrize("shared", [False, True])
def test_after_a_hung_load_the_next_call_tries_again(shared: bool, tmp_path: Path) -> None:
    with make(folder=tmp_path / "c" if shared else None) as cache:
        inside, go, results = threading.Event(), threading.Event(), []

        def hang() -> str:
            inside.set()
            assert go.wait(30)
            return "late"

        slow = threading.Thread(target=lambda: results.append(cache.get_or_load("key", hang)))
        slow.start()
        assert inside.wait(30)
        with pytest.raises(TimeoutError, match="key"):
            cache.get_or_load("key", lambda: pytest.fail("someone else loads"), timeout=0.01)
        assert cache.get_or_load("key", lambda: "again", timeout=0.01) == "again"
        go.set()
        slow.join(30)
        assert (results, cache["key"]) == (["late"], "again"), "the load that ended first is kept"


def test_who_gives_up_on_another_process_leaves_the_others_their_own_patience(tmp_path: Path) -> None:
    with make(folder=tmp_path / "c") as cache, make(folder=tmp_path / "c") as elsewhere:
        inside, go, results = threading.Event(), threading.Event(), []

        def hang() -> str:
            inside.set()
            assert go.wait(30)
            return "from elsewhere"

        def ask(timeout: float | None) -> None:
            try:
                results.append(cache.get_or_load("key", lambda: "own", timeout=timeout))
            except TimeoutError as error:
                results.append(str(error))

        slow = threading.Thread(target=lambda: elsewhere.get_or_load("key", hang))
        slow.start()
        assert inside.wait(30)
        hasty = threading.Thread(target=ask, args=(0.05,))
        hasty.start()
        while not cache._through._flights._flights:
            threading.Event().wait(0.001)
        patient = threading.Thread(target=ask, args=(None,))
        patient.start()
        for thread in (hasty, patient):
            thread.join(30)
        go.set()
        slow.join(30)
        assert sorted(results) == ["another process has been loading 'key' for more than 0.05 s", "own"]


@pytest.mark.parametrize("policy", ["through", "back", "around"])
def test_a_second_process_finds_on_disk_what_the_first_one_loaded(policy: str, tmp_path: Path) -> None:
    with make(folder=tmp_path / "c") as cache, make(folder=tmp_path / "c") as elsewhere:
        cache.write_policy = policy
        asked: list[str] = []

        def load() -> str:
            thread.start()
            while len(list((tmp_path / "c" / LOCKS).iterdir())) != 1:
                threading.Event().wait(0.001)
            return "once"

        def ask() -> None:
            asked.append(elsewhere.get_or_load("key", lambda: pytest.fail("it is being loaded")))

        thread = threading.Thread(target=ask)
        assert cache.get_or_load("key", load) == "once"
        thread.join(30)
        assert asked == ["once"]
        assert list((tmp_path / "c" / LOCKS).iterdir()) == []


def test_a_private_folder_needs_no_locks_and_one_that_takes_none_is_recorded(tmp_path: Path) -> None:
    with make() as cache:
        assert cache._through._turns is None
    with TieredCache(MemoryCache(1_000), TTLCache(1_000), DiskCache()) as cache:
        assert cache._through._turns is None
    with make(folder=tmp_path / "c") as cache:
        (tmp_path / "c" / LOCKS).write_text("in the way")
        assert cache.get_or_load("key", lambda: 1) == 1
        rows = cache.recorder.frames.accesses.query("event == 'reject'")
        assert rows[["key", "tier", "reason"]].values.tolist() == [["key", "l3", "no lock: Not a directory"]]


@contextlib.contextmanager
def tmpfs(place: Path) -> Iterator[Callable[[str], object]]:
    """Mount a small file system, or skip the test by name where that is not allowed; give what mounts it otherwise."""
    place.mkdir()
    command = ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if os.geteuid() or not Path(command[0]).exists() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mount of a tmpfs is not permitted here")
    try:
        yield lambda how: subprocess.run(["/bin/mount", "-o", how, str(place)], check=True)
    finally:
        subprocess.run(["/bin/umount", str(place)], check=True)


@pytest.mark.filterwarnings("ignore:The cache folder:RuntimeWarning")
def test_where_disk_is_full_or_read_only_loads_go_on_and_the_missing_lock_is_recorded(tmp_path: Path) -> None:
    folder = tmp_path / "t" / "c"
    with tmpfs(tmp_path / "t") as mount:
        with make(folder=folder) as cache:
            assert cache.get_or_load("key", lambda: 0) == 0
            with contextlib.suppress(OSError), (tmp_path / "t" / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 512)
            for number in range(100):
                assert cache.get_or_load(number, lambda: "x" * 5_000) == cache[number] == "x" * 5_000
            assert "disk full" in set(cache.recorder.frames.accesses["reason"])
        mount("remount,ro")
        with make(folder=folder) as cache:
            assert (cache.get_or_load("new", lambda: 1), cache.get_or_load("new", lambda: 2)) == (1, 1)
            rows = cache.recorder.frames.accesses.query("event == 'reject' and key == 'new'")
            assert rows["reason"].tolist() == ["no lock: Read-only file system", "read-only"]


def test_a_load_that_ends_after_close_says_so() -> None:
    cache = make()
    with pytest.raises(StoreError, match="closed"):
        cache.get_or_load("key", cache.close)
    assert cache.l1.nbytes == 0


def test_a_broken_loader_leaves_nothing_behind(tmp_path: Path) -> None:
    with make(folder=tmp_path / "c") as cache:
        for error in (ValueError, KeyboardInterrupt):
            with pytest.raises(error):
                cache.get_or_load("key", lambda error=error: (_ for _ in ()).throw(error))
        assert list((tmp_path / "c" / LOCKS).iterdir()) == []
        assert len(cache._tiers.loads) == 0
        assert cache.get_or_load("key", lambda: 1) == 1


@both
def test_a_loader_that_fails_is_answered_by_the_value_that_was_due(load: Callable[..., Any]) -> None:
    clock = Clock()
    with make(clock=clock) as cache:
        cache.stale_s = 30
        assert load(cache, lambda: "old", ttl=10) == "old"
        clock.now += 11
        assert "key" not in cache
        assert cache.get("key") is None
        with pytest.warns(RuntimeWarning, match="the value that was due last is served"):
            assert load(cache, fail, ttl=10) == "old"
        assert "stale" in set(cache.recorder.frames.accesses["reason"].dropna())
        assert load(cache, lambda: "new", ttl=10) == "new"
        clock.now += 50
        with pytest.raises(ValueError, match="no answer"):
            load(cache, fail, ttl=10)


@both
def test_a_stale_value_does_not_come_back_after_it_was_written_over_or_removed(load: Callable[..., Any]) -> None:
    clock = Clock()
    for change in (lambda cache: cache.delete("key"), lambda cache: cache.clear(), lambda cache: cache.set("key", 2)):
        with make(clock=clock) as cache:
            cache.stale_s = 1_000
            load(cache, lambda: "old", ttl=10)
            cache.l1.resize(0)  # the value goes to l2
            cache.l1.resize(100_000)
            clock.now += 11
            change(cache)
            cache.delete("key")
            with pytest.raises(ValueError, match="no answer"):
                load(cache, fail, ttl=10)


def test_a_value_that_is_due_soon_is_loaded_anew_behind_its_hit() -> None:
    clock, works = Clock(), []
    with make(clock=clock) as cache:
        cache._through._refreshes._spawn = works.append
        cache.refresh_ratio = 0.25
        assert cache.get_or_load("key", lambda: 1, ttl=100) == 1
        clock.now += 74
        assert cache.get_or_load("key", lambda: 2, ttl=100) == 1
        assert works == []
        clock.now += 2
        assert cache.get_or_load("key", lambda: 2, ttl=100) == 1
        assert cache.get_or_load("key", lambda: 3, ttl=100) == 1
        assert len(works) == 1
        works.pop()()
        assert (cache.get("key"), cache.ttl("key")) == (2, 100)
        clock.now += 90
        assert cache.get_or_load("key", fail, ttl=100) == 2
        with pytest.warns(RuntimeWarning, match="stays until it is due"):
            works.pop()()
        assert cache.get("key") == 2
        cache["ever"] = 1
        assert cache.get_or_load("ever", fail, ttl=100) == 1
        assert works == []
        with pytest.raises(ConfigError, match="refresh_ratio is 2"):
            cache.refresh_ratio = 2


def test_an_async_refresh_is_a_task_of_the_loop() -> None:
    clock = Clock()
    loaded: list[int] = []

    async def load() -> int:
        loaded.append(len(loaded))
        return loaded[-1]

    async def use(cache: TieredCache) -> list[int]:
        found = [await cache.aget_or_load("key", load, ttl=100)]
        clock.now += 80
        found += [await cache.aget_or_load("key", load, ttl=100) for _ in range(2)]
        await asyncio.gather(*cache._through._tasks.values())
        return [*found, await cache.aget_or_load("key", load, ttl=100)]

    with make(clock=clock) as cache:
        cache.refresh_ratio = 0.5
        assert asyncio.run(use(cache)) == [0, 0, 0, 1]
        assert loaded == [0, 1]
        assert cache._through._tasks == {}
