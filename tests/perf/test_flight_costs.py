"""What an event in the flight ring costs, beside other ways to keep it: run with `make perf`.

Nothing here asserts a time; each line is for people to read, with its interval and the noise floor.
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path

import pytest

from perflab.bench import Arm, run
from perflab.record.flight import FlightRing, begin_text
from perflab.record.slots import slot_struct

EVENTS = 100_000
TEXT = "parse 'src/package/module.py'"


def appended() -> None:
    rows: list[tuple[object, ...]] = []
    keep = rows.append
    for number in range(EVENTS):
        keep((time.time_ns(), "begin", TEXT, number, None))


def flown() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ring = FlightRing(Path(folder, "ring"))
        write = ring.write
        for number in range(EVENTS):
            write("begin", TEXT, number)
        ring.close()


def written() -> None:
    # The way without a mapping: an error of the disk would be an exception, never SIGBUS.
    pack = slot_struct(160).pack
    with tempfile.TemporaryDirectory() as folder:
        handle = os.open(Path(folder, "ring"), os.O_RDWR | os.O_CREAT, 0o600)
        places = zip(itertools.count(1), itertools.cycle(range(64, 64 + 512 * 160, 160)))
        for number in range(EVENTS):
            sequence, offset = next(places)
            slot = pack(sequence, time.time_ns(), number, 0.0, 1, TEXT.encode(), sequence)
            os.pwrite(handle, slot, offset)
        os.close(handle)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def show(text: str) -> None:
        with capsys.disabled():
            print(text)

    return show


@pytest.mark.parametrize(
    ("title", "baseline", "other"),
    [
        ("100,000 events in a flight ring / appended to a list with their time", appended, flown),
        ("100,000 events in a flight ring / written to a file with pwrite", written, flown),
    ],
    ids=("append", "pwrite"),
)
def test_flight_ratio(
    title: str, baseline: Callable[[], None], other: Callable[[], None], say: Callable[[str], None]
) -> None:
    arms = (
        Arm("baseline", baseline, clock="cpu", inputs="baseline"),
        Arm("optimized", other, clock="cpu", inputs="other"),
    )
    found = run(title, arms, isolated=False, pairs=48).comparisons[0].comparison
    assert found.pairs >= 48
    interval = f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]"
    say(f"\n{title}: {interval}, noise floor {max(found.baseline_noise, found.noise):.1%}, {found.pairs} pairs")


@pytest.mark.parametrize(
    ("title", "statement"),
    [
        ("begin", "ring.write('begin', text, 12)"),
        ("begin with its text made from name and key", "ring.write('begin', begin_text('parse', key), 12)"),
        ("end", "ring.write('end', 'parse', 12, 0.25)"),
        ("of a ring that is off", "off.write('begin', text, 12)"),
    ],
    ids=("begin", "begin-with-key", "end", "off"),
)
def test_nanoseconds(title: str, statement: str, tmp_path: Path, say: Callable[[str], None]) -> None:
    ring, off = FlightRing(tmp_path / "on.ring"), FlightRing(tmp_path / "off.ring")
    off.close()
    names = {"ring": ring, "off": off, "text": TEXT, "key": "src/package/module.py", "begin_text": begin_text}
    runs = sorted(timeit.repeat(statement, repeat=300, number=1_000, globals=names))
    assert ring.missed == off.missed == 0
    say(f"\nflight event, {title}: {runs[0] * 1e6:.0f} ns at best, {runs[150] * 1e6:.0f} ns median of 300 runs")
