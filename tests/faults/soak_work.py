"""What a process of a soak does: threads at work on caches that all processes share, while settings change under them.

In: its slot, a seed, the soak's folder. Out: nothing, or the end of the process, with 3, where an invariant is broken.
"""

from __future__ import annotations

import hashlib
import math
import os
import random
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from soak_ledger import OWN_KEYS, SLOTS, THREADS, Ledger

from perflab import Config, PerformanceSystem
from perflab.cache import DiskCache
from perflab.optimize import Relief

L3_BYTES = 3_000_000
SHARED_KEYS = 600
MEMORY_BYTES = [400_000, 1_000_000, 2_000_000]
LATE_S = 2.0
"""How long a value may be older than the ledger says: a set may have failed that the ledger does not tell of yet."""
WAYS: list[dict[str, Any]] = [
    {"write_policy": "through"},
    {"write_policy": "back"},
    {"write_policy": "around"},
    {"write_policy": "through", "l3_write": "behind"},
]
"""How each slot's system writes to disk."""


class BrokenError(Exception):
    """An invariant does not hold."""


class LoaderError(Exception):
    """What loaders raise now and then."""


def value_of(key: int) -> Any:
    """Return what the loader of a shared key makes: plain data of some bytes to some ten thousand."""
    size = (key * 7_919) % 97
    if key % 3 == 0:
        return bytes([key % 251]) * (size * size * 5)
    return {"key": key, "words": [f"{key}-{number}" for number in range(size)]}


def filling_of(number: int) -> bytes:
    """Return some ten thousand bytes that only one number has, and that cannot be compressed."""
    return hashlib.shake_128(str(number).encode()).digest(number * 997 % 60_000)


class Caller(threading.Thread):
    """One thread's work: what it reads must be what a loader made, or what the one writer of a key wrote last."""

    def __init__(self, work: Work, thread: int) -> None:
        super().__init__(name=f"caller-{thread}")
        self.work, self.thread = work, thread
        self.random = random.Random(f"{work.seed} {work.slot} {thread} {os.getpid()}")
        self.accesses = self.loads = 0
        self.steps = work.ledger.steps[work.slot]
        self.written: dict[int, int] = {}

    def run(self) -> None:
        """Go on until the end is asked for; a failure ends the process."""
        try:
            self.check_what_was_left()
            while not self.work.ending.is_set():
                self.random.choices(STEPS, WEIGHTS)[0](self)
                self.steps[self.thread] += 1
                time.sleep(self.random.uniform(0, 0.008))
        except BaseException as error:
            self.work.give_up(error)

    def check_what_was_left(self) -> None:
        """Whatever a process of this slot was acknowledged before it was killed is there."""
        for key in range(OWN_KEYS):
            self.check_own(self.work.slot, self.thread, key)
            if not self.work.ledger.tried[self.work.slot, self.thread, key]:
                self.put(key)

    def read_shared(self) -> None:
        """Read a key that anybody may load."""
        key = min(int(self.random.paretovariate(0.6)), SHARED_KEYS)
        self.accesses += 1
        ttl = self.random.choice([None, 2.0, 20.0])
        fails = self.random.random() < 0.01
        try:
            found = self.work.system.cache.get_or_load(("page", key), lambda: self.load(key, fails), ttl=ttl)
        except LoaderError:
            return
        if found != value_of(key):
            raise BrokenError(f"the shared key {key} has the value {found!r:.200}")

    def load(self, key: int, fails: bool) -> Any:
        """Make a value, or fail."""
        time.sleep(self.random.uniform(0, 0.003))
        if fails:
            raise LoaderError
        self.loads += 1
        return value_of(key)

    def drop_shared(self) -> None:
        """Remove a shared key."""
        self.work.system.cache.delete(("page", self.random.randint(1, SHARED_KEYS)))

    def write_tiered(self) -> None:
        """Write a key of one's own to the tiers, where it may be evicted, but is never older than what was written."""
        key = self.random.randrange(OWN_KEYS)
        self.written[key] = self.written.get(key, 0) + 1
        self.work.system.cache.set((self.work.slot, self.thread, key), (os.getpid(), self.written[key]))

    def read_tiered(self) -> None:
        """Read it."""
        key = self.random.randrange(OWN_KEYS)
        self.accesses += 1
        found = self.work.system.cache.get((self.work.slot, self.thread, key))
        if key in self.written and found not in (None, (os.getpid(), self.written[key])):
            raise BrokenError(f"the own key {key} is {found!r}, and {self.written[key]} was written last")

    def write_vault(self) -> None:
        """Write a key of one's own to a store that evicts nothing."""
        self.put(self.random.randrange(OWN_KEYS))

    def put(self, key: int) -> None:
        """Write the next value of a key of one's own, and say what came of it."""
        mine = self.work.slot, self.thread, key
        number = int(self.work.ledger.tried[mine]) + 1
        self.work.ledger.tried[mine] = number
        before = time.time()
        stored = self.work.vault.set(mine, (number, filling_of(number)))
        # The clock may have been set meanwhile, either way.
        self.work.ledger.written_s[mine] = math.ceil(max(before, time.time()) + LATE_S)
        self.work.ledger.acknowledged[mine] = number if stored else 0

    def read_vault(self) -> None:
        """Read anybody's."""
        self.check_own(self.random.randrange(SLOTS), self.random.randrange(THREADS), self.random.randrange(OWN_KEYS))

    def check_own(self, *mine: int) -> None:
        """Hold a key of the vault against what its writer tried and was acknowledged.

        What was written later than it is now, by the clock of this process, is not believed: then it is missing here.
        """
        for patience in (LATE_S, 0):
            acknowledged = int(self.work.ledger.acknowledged[mine])
            number, filling = self.work.vault.get(mine) or (0, filling_of(0))
            tried = int(self.work.ledger.tried[mine])
            if number > tried or filling != filling_of(number):
                raise BrokenError(
                    f"the vault's key {mine} is {number} with {len(filling)} bytes; {tried} was tried last"
                )
            if number >= acknowledged or (number == 0 and time.time() < self.work.ledger.written_s[mine]):
                return
            time.sleep(patience)
        raise BrokenError(f"the vault's key {mine} is {number}, and {acknowledged} was acknowledged")


STEPS = (
    Caller.read_shared,
    Caller.drop_shared,
    Caller.write_tiered,
    Caller.read_tiered,
    Caller.write_vault,
    Caller.read_vault,
)
WEIGHTS = (60, 2, 8, 12, 8, 10)


class Work:
    """A process of the soak: a system, a vault, callers, and the changes of settings made under them."""

    def __init__(self, slot: int, seed: int, folder: Path) -> None:
        self.slot, self.seed = slot, seed
        self.ledger = Ledger(folder / "ledger")
        self.ending = threading.Event()
        self.random = random.Random(f"{seed} {slot} {os.getpid()}")
        cache = {"l1_bytes": 1_000_000, "l2_bytes": 500_000, "l3_dir": folder / "cache", "l3_bytes": L3_BYTES}
        config = Config(
            enable_auto_optimization=False,
            cache={**cache, **WAYS[slot]},
            record={"memory_budget_bytes": 4_000_000, "flush_interval_s": 2.0},
        )
        self.system = PerformanceSystem(config, run_dir=folder / "runs" / f"{slot}-{os.getpid()}")
        self.vault = DiskCache(folder / "vault", 1_000_000_000)
        self.relief = Relief(self.system.cache)
        self.callers = [Caller(self, thread) for thread in range(THREADS)]

    def run(self) -> None:
        """Work until the end is asked for, and hold the counts against each other."""
        for caller in self.callers:
            caller.start()
        while not self.ending.wait(self.random.uniform(0.2, 2.0)):
            self.random.choice([self.resize, self.relieve, self.sweep, self.clear_memory])()
            self.check_bounds()
        for caller in self.callers:
            caller.join()
        self.check_counts()
        self.vault.close()
        self.system.close()

    def resize(self) -> None:
        """Give the memory tiers other bounds."""
        l1, l2 = self.random.choice(MEMORY_BYTES), self.random.choice(MEMORY_BYTES)
        self.system.apply(self.system.config.replace(cache={"l1_bytes": l1, "l2_bytes": l2}))

    def relieve(self) -> None:
        """Do what is done when memory is short, and give it back."""
        self.relief.run()
        self.relief.end()

    def sweep(self) -> None:
        """Drop what is too old."""
        self.system.cache.expire()

    def clear_memory(self) -> None:
        """Empty a memory tier; what waits there to be written goes to disk first, or with it."""
        self.system.clear_caches(self.random.choice(["l1", "l2"]))

    def check_bounds(self) -> None:
        """No tier holds more than it may."""
        l3 = self.system.cache.l3
        if l3 is not None and l3.nbytes > L3_BYTES:
            raise BrokenError(f"the disk tier holds {l3.nbytes} bytes of {L3_BYTES}")

    def check_counts(self) -> None:
        """What the callers counted is what was recorded."""
        counted = sum(caller.accesses for caller in self.callers), sum(caller.loads for caller in self.callers)
        told = self.system.statistics()["cache"]
        rows = self.system.frames.accesses["event"].value_counts()
        accesses = int(rows.get("hit", 0) + rows.get("miss", 0))
        if not counted[0] == told["accesses"] == accesses:
            raise BrokenError(f"{counted[0]} accesses were made, {told['accesses']} told, {accesses} recorded")
        if counted[1] != int(rows.get("load", 0)):
            raise BrokenError(f"{counted[1]} loads were made, {rows.get('load', 0)} recorded")

    def give_up(self, error: BaseException) -> None:
        """End the process with what is broken."""
        told = f"slot {self.slot}, process {os.getpid()}: {type(error).__name__}: {error}\n"
        sys.stderr.write(told + "".join(traceback.format_exception(error)))
        sys.stderr.flush()
        os._exit(3)
