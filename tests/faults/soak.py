"""A soak: processes of four threads on one cache folder for minutes, killed, resized, relieved, with clocks that jump.

In: `--minutes 10 --seed N`. Out: a line every 30 s and a verdict; 1 at a broken invariant, with the seed. What is held:

- a key's value is what its loader makes, or what its one writer wrote last, or was about to write;
- what was acknowledged is there, whoever was killed; counts of callers, statistics and rows are the same;
- no thread stands still; the databases are whole; no file is left that no row names;
- resident memory, open files and files of caches beside values are flat; runs have no more small parts than are merged.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import psutil
from flat import growth
from pyarrow.parquet import read_metadata
from soak_ledger import SLOTS, Ledger

import perflab
from perflab.cache import DiskCache
from perflab.record.log import MERGE_PIECES, SMALL_ROWS

SCRIPT = Path(__file__)
WORKER = SCRIPT.with_name("soak_worker.py")
CLOCKS_S = (0, -7_200, 7_200, 30, -30)
LINE_S = 30.0
STORES = ("cache", "vault")
STILL_S = 30.0
START_S = 180.0
JUDGED_S = 300.0
ELDER = 0
"""The slot whose process is never killed, so that its memory and files can be judged."""
BOUNDS = {
    "resident bytes": (0.10, 10_000_000),
    "open files": (0.10, 4),
    "other files of caches": (0.10, 10),
}
"""Growth behind the first third allowed for the upper end of its interval: a ratio of the median, or so much.

Value files are as many as large values are held, which depends on how quick the machine is; each has a row in the end.
"""


class BrokenError(Exception):
    """An invariant does not hold."""


class Soak:
    """The processes of a soak, what is done to them and what is looked at.

    Parameters
    ----------
    folder
        Where all is kept.
    seed
        What is killed when, and what each thread does; the order of threads is the system's own.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.random = random.Random(seed)
        self.ledger = Ledger(folder / "ledger")
        self.counts: Counter[str] = Counter()
        self.figures: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.first = self.ledger.steps.copy()
        self.processes = [self.start(slot) for slot in range(SLOTS)]
        self.moved = [(0, time.monotonic())] * SLOTS
        self.most_parts = 0

    def start(self, slot: int) -> subprocess.Popen[str]:
        """Start the process of a slot."""
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, str(WORKER), str(slot), str(self.seed), str(self.folder)]
        self.counts["started"] += 1
        return subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)

    def run(self, seconds: float) -> None:
        """Let it soak, and look at it once a second."""
        begin = time.monotonic()
        told = strikes = begin
        while (now := time.monotonic()) < begin + seconds:
            time.sleep(1.0)
            self.look(now - begin)
            if now >= strikes:
                self.strike()
                strikes = now + self.random.uniform(2, 6)
            if now >= told + LINE_S:
                told = now
                self.check_databases()
                self.check_parts()
                self.tell(now - begin)
        self.end()

    def strike(self) -> None:
        """Kill a process, end one in good order, or set a clock."""
        slot = self.random.choice([slot for slot in range(SLOTS) if slot != ELDER])
        ways = {self.kill: 4, self.finish: 2 if self.begun(slot) else 0, self.jump: 4}
        self.random.choices([*ways], [*ways.values()])[0](slot)

    def begun(self, slot: int) -> bool:
        """Tell that every thread of a slot's process is at work; before, it may not be asked to end in good order."""
        return bool((self.ledger.steps[slot] > self.first[slot]).all())

    def kill(self, slot: int) -> None:
        """Kill a process and start another in its place."""
        self.processes[slot].kill()
        self.replaced(slot, -signal.SIGKILL)
        self.counts["killed"] += 1

    def finish(self, slot: int) -> None:
        """End a process in good order, which holds its counts against each other, and start another."""
        self.processes[slot].terminate()
        self.replaced(slot, 0)
        self.counts["ended"] += 1

    def jump(self, _: int) -> None:
        """Set the clock of any process, the elder's too."""
        self.ledger.shifts_s[self.random.randrange(SLOTS)] = self.random.choice(CLOCKS_S)
        self.counts["clocks set"] += 1

    def replaced(self, slot: int, status: int) -> None:
        """Wait for the end of a process, look at its run, and start another."""
        self.ended(slot, status)
        self.first[slot] = self.ledger.steps[slot]
        self.moved[slot] = (0, time.monotonic())
        self.processes[slot] = self.start(slot)

    def ended(self, slot: int, status: int) -> None:
        """Wait for the end of a process; what it recorded opens."""
        process = self.processes[slot]
        try:
            _, said = process.communicate(timeout=2 * STILL_S)
        except subprocess.TimeoutExpired:
            raise BrokenError(f"process {process.pid} of slot {slot} does not end") from None
        if process.returncode != status:
            raise BrokenError(f"process {process.pid} of slot {slot} ended with {process.returncode}: {said.strip()}")
        self.check_run(self.folder / "runs" / f"{slot}-{process.pid}", closed=process.returncode == 0)

    def check_run(self, path: Path, *, closed: bool) -> None:
        """Hold what a process recorded against how it ended, and remove it."""
        if closed or path.joinpath("run.json").exists():
            run = perflab.open_run(path)
            rows = len(run.frames.accesses)
            self.counts["rows read back"] += rows
            if (run.status, rows > 0) != ("finished", True) and closed:
                raise BrokenError(f"the run {path.name} ended in good order and is {run.status}, with {rows} accesses")
        shutil.rmtree(path, ignore_errors=True)

    def look(self, at: float) -> None:
        """See that all is at work, and note the figures that must be flat."""
        self.see_all_alive()
        elder = psutil.Process(self.processes[ELDER].pid)
        self.figures["resident bytes"].append((at, elder.memory_info().rss))
        self.figures["open files"].append((at, elder.num_fds()))
        names = [name for store in STORES for *_, found in os.walk(self.folder / store) for name in found]
        values = sum(name.endswith(".val") for name in names)
        self.figures["value files"].append((at, values))
        self.figures["other files of caches"].append((at, len(names) - values))

    def see_all_alive(self) -> None:
        """Every process lives, and every thread goes on."""
        for slot, process in enumerate(self.processes):
            if process.poll() is not None:
                self.ended(slot, 0)
                raise BrokenError(f"process {process.pid} of slot {slot} ended by itself")
            steps, now = int(self.ledger.steps[slot].min()), time.monotonic()
            if steps != self.moved[slot][0]:
                self.moved[slot] = (steps, now)
            elif now - self.moved[slot][1] > (STILL_S if self.begun(slot) else START_S):
                raise BrokenError(f"a thread of slot {slot} stands still: {self.ledger.steps[slot]}\n{_asked(process)}")

    def check_databases(self) -> None:
        """Have sqlite look through both databases while they are at work."""
        for name in STORES:
            uri = f"file:{self.folder / name / 'cache.db'}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=STILL_S)) as connection:
                (said,) = connection.execute("PRAGMA integrity_check").fetchone()
            if said != "ok":
                raise BrokenError(f"the database of {name} is not whole: {said}")

    def check_parts(self) -> None:
        """Small parts of the elder's run are merged: they come in waves, which no slope tells from growth."""
        parts = self.folder / "runs" / f"{ELDER}-{self.processes[ELDER].pid}" / "parts"
        small = Counter(path.name.partition("-")[0] for path in parts.glob("*.parquet") if rows_of(path) < SMALL_ROWS)
        self.most_parts = max([self.most_parts, *small.values()])
        # One is written before those that it is merged with go, and another while this looks.
        if self.most_parts > MERGE_PIECES + 2:
            raise BrokenError(f"the run of slot {ELDER} has small parts that are not merged: {dict(small)}")

    def tell(self, at: float) -> None:
        """Print one line."""
        figures = ", ".join(f"{name} {points[-1][1]:,}" for name, points in self.figures.items())
        counts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.counts.items()))
        print(f"{at:6.0f} s: {int(self.ledger.steps.sum()):,} steps, {counts}; {figures}", flush=True)

    def end(self) -> None:
        """End every process in good order, and look at what they leave."""
        while not all(map(self.begun, range(SLOTS))):
            self.see_all_alive()
            time.sleep(0.2)
        for process in self.processes:
            process.terminate()
        for slot in range(SLOTS):
            self.ended(slot, 0)
        self.check_databases()
        check_vault(self.folder, self.ledger)
        for name in STORES:
            check_files(self.folder / name)

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()

    def check_flat(self, seconds: float) -> None:
        """Judge the figures that were noted every second, where that was long enough for caches to have filled."""
        if seconds < JUDGED_S:
            print(f"too short to judge whether figures are flat: that takes {JUDGED_S / 60:g} min")
            return
        uneven = []
        for name, (ratio, least) in BOUNDS.items():
            grown = growth(*zip(*self.figures[name], strict=True))
            bound = max(ratio * grown.median, least)
            print(
                f"{name}: median {grown.median:,.0f}, growth {grown.estimate:+,.0f} "
                f"[{grown.low:+,.0f}, {grown.high:+,.0f}], allowed {bound:,.0f}"
            )
            uneven += [] if grown.high <= bound else [name]
        print(f"small parts of a frame: at most {self.most_parts}, allowed {MERGE_PIECES + 2}")
        if uneven:
            raise BrokenError(f"not flat: {', '.join(uneven)}")


def rows_of(part: Path) -> int:
    """Return the rows of a part; of one that was merged meanwhile, too many for a small one."""
    try:
        rows: int = read_metadata(part).num_rows
    except FileNotFoundError:
        return SMALL_ROWS
    return rows


def _asked(process: subprocess.Popen[str]) -> str:
    """Kill a process, and return where its threads stood."""
    process.send_signal(signal.SIGUSR1)
    time.sleep(1.0)
    process.kill()
    return process.communicate()[1]


def check_vault(folder: Path, ledger: Ledger) -> None:
    """Every key of the vault has the value that was acknowledged last, or one that was tried after it."""
    # A clock that is behind none of the writers' believes all of them.
    late = time.time() + 2 * max(CLOCKS_S)
    with DiskCache(folder / "vault", 1_000_000_000, wall=lambda: late) as vault:
        for key in np.ndindex(ledger.tried.shape):
            number = (vault.get(key) or (0,))[0]
            least, most = ledger.acknowledged[key], ledger.tried[key]
            if not least <= number <= most:
                raise BrokenError(f"the vault's key {key} is {number}; acknowledged was {least}, tried {most}")


def check_files(folder: Path) -> None:
    """Once a cache was opened again, its folder holds the database and the values that rows name."""
    DiskCache(folder, 1_000_000_000).close()
    with contextlib.closing(sqlite3.connect(folder / "cache.db")) as connection:
        named = {row[0] for row in connection.execute("SELECT filename FROM Cache WHERE filename IS NOT NULL")}
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    left = found - named - {"cache.db", "cache.db-wal", "cache.db-shm", "heat.json"}
    if left or named - found:
        raise BrokenError(f"{folder.name} has files that no row names {left}, or rows without file {named - found}")


def main() -> int:
    """Soak, and print the verdict."""
    parser = argparse.ArgumentParser(
        description="Mixed load on one cache folder, with kills, resizes and clocks that jump."
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()
    print(f"{SLOTS} processes of 4 threads for {arguments.minutes:g} min, seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="perflab-soak-"))
    soak = Soak(folder, arguments.seed)
    try:
        soak.run(arguments.minutes * 60)
        soak.tell(arguments.minutes * 60)
        soak.check_flat(arguments.minutes * 60)
    except BrokenError as error:
        print(f"BROKEN with seed {arguments.seed}: {error}\nwhat is left is in {folder}")
        return 1
    finally:
        soak.stop()
    shutil.rmtree(folder)
    print("nothing lost, nothing wrong, nothing grew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
