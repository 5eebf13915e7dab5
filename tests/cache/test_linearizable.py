"""What threads see of one key could have been seen one after the other; and nothing fails when eight work at once."""

from __future__ import annotations

import itertools
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from perflab.cache import DiskCache, MemoryCache, TieredCache, TTLCache
from perflab.record import Recorder


@dataclass(frozen=True)
class Done:
    """One operation on the key: when it was called, when it returned, what it was given and what it gave."""

    began: int
    ended: int
    name: str
    given: object
    gave: object

    def overlaps(self, other: Done) -> bool:
        return self.began < other.ended and other.began < self.ended


def outcomes(operation: Done, state: object, loaded: set[object]) -> list[object]:
    """Return the states that may follow if the operation happens at once in this state; none if it cannot have.

    `loaded` is what it, and the loads that it may have shared, would have loaded.
    """
    here = state is not None
    if operation.name == "set":
        return [operation.given]
    if operation.name == "get":
        return [state] if operation.gave == state else []
    if operation.name == "delete":
        return [None] if operation.gave == here else []
    if operation.name == "pop":
        return [None] if operation.gave == state else []
    if here:  # get_or_load
        return [state] if operation.gave == state else []
    # A loaded value is not kept if someone writes meanwhile.
    return [operation.gave, None] if operation.gave in loaded else []


def linearizable(history: Sequence[Done]) -> bool:
    """Tell if some order explains the history: each operation at one moment between its call and its return."""
    loads = [operation for operation in history if operation.name == "get_or_load"]
    loaded = {id(each): {other.given for other in loads if other.overlaps(each)} for each in history}

    def explained(left: Sequence[Done], state: object) -> bool:
        first_end = min((operation.ended for operation in left), default=0)
        return not left or any(
            explained([other for other in left if other is not operation], after)
            for operation in left
            if operation.began < first_end
            for after in outcomes(operation, state, loaded[id(operation)])
        )

    return explained(history, None)


def test_the_checker_refuses_what_cannot_have_been() -> None:
    old, new = Done(0, 1, "set", "old", None), Done(2, 5, "set", "new", None)
    assert linearizable([old, new, Done(3, 4, "get", None, "old"), Done(6, 7, "get", None, "new")])
    assert linearizable([old, new, Done(3, 4, "get", None, "new")])
    assert not linearizable([old, new, Done(6, 7, "get", None, "old")]), "a stale read"
    assert not linearizable([old, Done(2, 3, "delete", None, False)]), "a lost write"
    assert not linearizable([old, Done(2, 6, "pop", None, "old"), Done(3, 7, "pop", None, "old")]), "taken twice"
    assert not linearizable([old, Done(2, 3, "get_or_load", "loaded", "loaded")]), "a needless load"
    first = Done(0, 2, "get_or_load", "first", "first")
    assert linearizable([first, Done(1, 3, "get_or_load", "second", "first")]), "a shared load"
    late = Done(5, 6, "get_or_load", "second", "first")
    assert not linearizable([first, Done(3, 4, "delete", None, True), late]), "an older load's value"


OPERATIONS: dict[str, Callable[[TieredCache, object], object]] = {
    "set": lambda cache, value: cache.set("key", value) and None,
    "get": lambda cache, _: cache.get("key"),
    "delete": lambda cache, _: cache.delete("key"),
    "pop": lambda cache, _: cache.pop("key", None),
    "get_or_load": lambda cache, value: cache.get_or_load("key", lambda: value),
}


def one_history(cache: TieredCache, seed: int) -> list[Done]:
    """Let three threads do four operations each, while a fourth pushes the key through the tiers."""
    tick, together, histories = itertools.count(), threading.Barrier(4), []

    def work(number: int) -> None:
        chance, mine = random.Random(f"{seed} {number}"), []
        together.wait(30)
        for _ in range(4):
            name, value, began = chance.choice(list(OPERATIONS)), str(next(tick)), next(tick)
            gave = OPERATIONS[name](cache, value)
            mine.append(Done(began, next(tick), name, value, gave))
        histories.append(mine)

    def push() -> None:
        together.wait(30)
        for number in range(8):
            cache.set(f"other-{number % 3}", number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)] + [threading.Thread(target=push)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(histories) == 3
    return [operation for history in histories for operation in history]


def make(folder: Path | None, room: int = 2) -> TieredCache:
    recorder = Recorder()
    return TieredCache(
        MemoryCache(room, weigh=lambda *_: 1, recorder=recorder),
        TTLCache(room, weigh=lambda *_: 1, recorder=recorder),
        None if folder is None else DiskCache(folder, recorder=recorder),
        recorder,
    )


@pytest.fixture
def _switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switch_often")
@pytest.mark.parametrize("policy", ["memory", "through", "back", "around"])
def test_histories_of_one_key_are_linearizable(policy: str, tmp_path: Path) -> None:
    with make(None, 9) if policy == "memory" else make(tmp_path / "c") as cache:
        if policy != "memory":
            cache.write_policy = policy
        for seed in range(40):
            history = one_history(cache, seed)
            assert linearizable(history), sorted(history, key=lambda operation: operation.began)
            cache.delete("key")


@pytest.mark.usefixtures("_switch_often")
@pytest.mark.parametrize("policy", ["through", "back", "around"])
def test_eight_threads_work_at_once_without_an_error(policy: str, tmp_path: Path) -> None:
    errors: list[BaseException] = []
    with make(tmp_path / "c", 10) as cache:
        cache.write_policy = policy
        together = threading.Barrier(8)

        def work(number: int) -> None:
            chance = random.Random(number)
            actions: list[Callable[[str], Any]] = [
                lambda key: cache.set(key, key),
                cache.get,
                lambda key: cache.get_or_load(key, lambda: key),
                cache.delete,
                lambda key: cache.get_many([key, "k1", "k2"]),
                lambda key: cache.set_many({key: key, "k1": "k1"}),
                lambda key: cache.touch(key, 50),
                lambda _: cache.flush(),
            ]
            together.wait(30)
            try:
                for _ in range(60):
                    key = f"k{chance.randrange(30)}"
                    found = cache.get(key, key)
                    assert found == key, "a value of another key"
                    chance.choice(actions)(key)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert errors == []
        assert not any(thread.is_alive() for thread in threads)
        accesses = cache.recorder.frames.accesses["event"].value_counts()
        stats = cache.stats().set_index("tier")
        assert stats.loc["all", "accesses"] == accesses["hit"] + accesses["miss"] >= 8 * 60
        assert not set(cache.l1) & set(cache.l2)
