from __future__ import annotations

import errno
import itertools
import mmap
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perflab.errors import ConfigError
from perflab.record.flight import RING, FlightRing, begin_text
from perflab.record.flight_read import Flight, FlightEvent, last_words, open_operations, read_ring
from perflab.record.slots import KINDS

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
SLOT = 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / RING


def small(path: Path, slots: int = 4) -> FlightRing:
    return FlightRing(path, slots=slots, slot_bytes=SLOT, clock=itertools.count(1_000).__next__)


def texts(path: Path) -> list[str]:
    return [event.text for event in read_ring(path).events]


def test_what_is_written_is_read_in_order(path: Path) -> None:
    ring = small(path)
    ring.write("begin", "parse 'a.py'", 12)
    ring.write("event", "memory_warning")
    ring.write("failed", "parse", 12, 0.25)
    assert read_ring(path) == Flight(
        (
            FlightEvent(1_000, "begin", "parse 'a.py'", 12, None),
            FlightEvent(1_001, "event", "memory_warning", 0, None),
            FlightEvent(1_002, "failed", "parse", 12, 0.25),
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back(path: Path, kind: Any) -> None:
    small(path).write(kind, "x")
    assert [event.kind for event in read_ring(path).events] == [kind]


def test_the_time_is_the_wall_clocks(path: Path) -> None:
    before = time.time_ns()
    FlightRing(path).write("event", "x")
    assert before <= read_ring(path).events[0].t <= time.time_ns()


@pytest.mark.parametrize("written", [0, 1, 3, 4, 5, 8, 9, 4_001])
def test_a_full_ring_replaces_the_oldest(path: Path, written: int) -> None:
    ring = small(path)
    for number in range(written):
        ring.write("event", str(number))
    assert texts(path) == [str(number) for number in range(written)][-4:]
    assert read_ring(path).problem is None


@pytest.mark.parametrize("slots", [1, 2, 65_536])
def test_any_number_of_slots_within_the_bounds_will_do(path: Path, slots: int) -> None:
    ring = small(path, slots)
    for number in range(3):
        ring.write("event", str(number))
    assert texts(path) == ["0", "1", "2"][-slots:]


@pytest.mark.parametrize(("name", "value"), [("slots", 0), ("slots", 65_537), ("slot_bytes", 63), ("slot_bytes", 257)])
def test_a_size_out_of_bounds_is_named_and_makes_no_file(path: Path, name: str, value: int) -> None:
    sizes: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} is {value}; a flight ring has"):
        FlightRing(path, **sizes)
    assert not path.exists()


@pytest.mark.parametrize("slot_bytes", [64, 160, 256])
@pytest.mark.parametrize("character", ["a", "é", "€", "🙂"])
@pytest.mark.parametrize("shift", range(4))
def test_long_text_is_cut_between_characters(path: Path, slot_bytes: int, character: str, shift: int) -> None:
    text = "x" * shift + character * 2_000
    FlightRing(path, slot_bytes=slot_bytes).write("event", text)
    (found,) = texts(path)
    room = slot_bytes - 42
    assert text.startswith(found)
    assert room - len(character.encode()) < len(found.encode()) <= room


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("nul\0", "nul\0"),
        ("\0", "\0"),
        ("a\nb\r\x1b[31m", "a\nb\r\x1b[31m"),
        ("\u202egpj.exe", "\u202egpj.exe"),
        ("\ud800", "\\ud800"),
        ("a\udcffb", "a\\udcffb"),
        ("\ud800" * 2_000, ("\\ud800" * 20)[:22]),
        ("<script>", "<script>"),
    ],
    ids=("empty", "nul-at-end", "nul", "control", "bidi", "surrogate", "surrogate-inside", "surrogates", "markup"),
)
def test_hostile_text_comes_back(path: Path, text: str, found: str) -> None:
    ring = small(path)
    ring.write("event", text)
    ring.write("event", "next")
    assert texts(path) == [found, "next"]
    assert ring.missed == 0


@pytest.mark.parametrize(
    "values",
    [
        ("nonsense", "x"),
        ("event", None),
        ("event", 3),
        ("begin", "x", 2**64),
        ("begin", "x", "1"),
        ("end", "x", 1, "s"),
    ],
    ids=("kind", "text-none", "text-number", "number-too-large", "number-text", "duration-text"),
)
def test_what_cannot_be_written_is_counted_and_never_raised(path: Path, values: tuple[Any, ...]) -> None:
    ring = small(path)
    ring.write("event", "before")
    ring.write(*values)
    ring.write("event", "after")
    assert (texts(path), ring.missed) == (["before", "after"], 1)


def test_a_clock_that_fails_ends_nothing(path: Path) -> None:
    ring = FlightRing(path, clock=iter([7]).__next__)
    ring.write("event", "x")
    ring.write("event", "y")
    assert (texts(path), ring.missed) == (["x"], 1)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (None, "parse"),
        ("a.py", "parse 'a.py'"),
        (("a", 1), "parse ('a', 1)"),
        ("a\nb", "parse 'a\nb'"),
        (float("nan"), "parse nan"),
    ],
    ids=("none", "text", "tuple", "newline", "nan"),
)
def test_an_operation_is_named_with_its_key(key: object, text: str) -> None:
    assert begin_text("parse", key) == text


def test_a_huge_key_is_not_copied() -> None:
    assert len(begin_text("parse", "x" * 2_000_000)) < 1_000
    assert len(begin_text("parse", b"x" * 2_000_000)) < 1_000


def test_only_its_owner_may_read_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        FlightRing(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_block_is_allocated_before_the_first_event(path: Path) -> None:
    FlightRing(path)
    assert path.stat().st_blocks * 512 >= path.stat().st_size == 64 + 512 * 160


def test_closing_removes_the_file_and_a_later_event_does_nothing(path: Path) -> None:
    ring = small(path)
    ring.close()
    ring.close()
    ring.write("event", "late")
    assert not path.exists()
    assert (ring.on, ring.missed) == (False, 0)


def test_closing_keeps_the_file_on_request(path: Path) -> None:
    ring = small(path)
    ring.write("event", "x")
    ring.close(keep=True)
    ring.write("event", "late")
    ring.close()
    assert texts(path) == ["x"]


def test_a_ring_whose_file_was_removed_goes_on(path: Path) -> None:
    ring = small(path)
    path.unlink()
    ring.write("event", "x")
    ring.close()
    assert ring.missed == 0


def test_closing_while_others_write_harms_nobody(path: Path) -> None:
    ring = small(path)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            ring.write("event", "x")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    ring.close()
    stop.set()
    for thread in threads:
        thread.join()
    assert ring.missed == 0


@pytest.mark.parametrize("in_its_place", ["file", "folder", "symlink", "pipe"])
def test_what_lies_there_already_is_left_alone(path: Path, in_its_place: str) -> None:
    target = path.with_name("target")
    make: dict[str, Callable[[], object]] = {
        "file": lambda: path.write_text("mine"),
        "folder": path.mkdir,
        "symlink": lambda: path.symlink_to(target),
        "pipe": lambda: os.mkfifo(path),
    }
    make[in_its_place]()
    with pytest.warns(RuntimeWarning, match=r"cannot be made \(File exists\)") as warned:
        ring = FlightRing(path)
    ring.write("event", "x")
    ring.close()
    assert (len(warned), ring.on) == (1, False)
    assert path.is_symlink() or path.exists()
    assert not target.exists()
    assert in_its_place != "file" or path.read_text() == "mine"


def test_without_its_folder_the_ring_is_off(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match=r"No such file or directory\); if this program dies") as warned:
        ring = FlightRing(tmp_path / "none" / RING)
    assert (len(warned), ring.on) == (1, False)
    assert warned[0].filename == __file__


def test_an_error_while_it_is_allocated_leaves_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        ring = FlightRing(path)
    assert not ring.on
    assert not path.exists()


def test_four_threads_lose_none_of_the_last_events(path: Path) -> None:
    each, slots = 10_000, 512
    ring = FlightRing(path, slots)
    started = threading.Barrier(4)
    interval = sys.getswitchinterval()

    def work(thread: int) -> None:
        started.wait()
        for number in range(each):
            ring.write("begin", f"{thread}:{number}", thread * each + number, float(number))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    found = read_ring(path)
    assert found.problem is None
    assert ring.missed == 0
    assert len(found.events) == slots
    for event in found.events:
        owner, number = map(int, event.text.split(":"))
        assert (event.number, event.duration_s) == (owner * each + number, float(number))
    for own in range(4):
        numbers = [event.number for event in found.events if event.text.startswith(f"{own}:")]
        assert numbers == sorted(set(numbers))


def test_no_thread_is_between_an_events_number_and_its_slot(path: Path) -> None:
    slots = 64
    ring = FlightRing(path, slots)
    for _ in range(slots):
        ring.write("event", "x")
    stop = threading.Event()
    interval = sys.getswitchinterval()

    def work() -> None:
        while not stop.is_set():
            ring.write("event", "x")

    threads = [threading.Thread(target=work) for _ in range(4)]
    copies: list[bytes] = []
    copy = path.with_name("copy.ring")
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            for _ in range(400):
                time.sleep(0)
                # A copy is one call, during which no other thread runs.
                copies.append(view[:])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    for content in copies:
        copy.write_bytes(content)
        assert len(read_ring(copy).events) == slots


KILLED = """
import os, pathlib, signal, sys
from perflab.record.flight import FlightRing, begin_text

ring = FlightRing(pathlib.Path(sys.argv[1]))
ring.write("begin", begin_text("validate"), 11)
ring.write("begin", begin_text("parse", "b.py"), 13)
ring.write("end", "parse", 13, 0.5)
ring.write("event", "memory_warning", 11)
ring.write("begin", begin_text("parse", "a.py"), 12)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_program_tells_what_it_was_doing(path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    found = read_ring(path)
    assert found.problem is None
    assert [event.kind for event in found.events] == ["begin", "begin", "end", "event", "begin"]
    assert [event.text for event in open_operations(found.events)] == ["validate", "parse 'a.py'"]
    assert last_words(found).startswith("The program ended during: parse 'a.py' (operation 12, begun 0 s before")


BUSY = """
import pathlib, sys
from perflab.record.flight import FlightRing

ring = FlightRing(pathlib.Path(sys.argv[1]), slots=64)
number = 0
while True:
    number += 1
    ring.write("begin", f"{number} " + "x" * 100, number)
"""


@pytest.mark.parametrize("delay_s", [0.0, 0.003, 0.01])
def test_a_program_killed_while_it_writes_leaves_at_most_one_slot_unread(path: Path, delay_s: float) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY, str(path)]) as child:
        while len(read_ring(path).events) < 63:
            assert child.poll() is None
            time.sleep(0.001)
        time.sleep(delay_s)
        child.kill()
    events = read_ring(path).events
    assert len(events) >= 63
    assert all(event.text == f"{event.number} " + "x" * 100 for event in events)
    numbers = [event.number for event in events]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_forked_child_writes_nothing_into_its_parents_ring(path: Path) -> None:
    ring = small(path)
    write = ring.write
    ring.write("event", "parent")
    child = os.fork()
    if child == 0:
        ring.write("event", "child")
        write("event", "child, by a reference it held")
        ring.close()
        os._exit(0 if not ring.on else 1)
    assert os.waitpid(child, 0)[1] == 0
    ring.write("event", "parent again")
    assert texts(path) == ["parent", "parent again"]


def test_a_forked_child_may_have_a_ring_of_its_own(path: Path) -> None:
    FlightRing(path).write("event", "parent")
    own = path.with_name("child.ring")
    child = os.fork()
    if child == 0:
        FlightRing(own).write("event", "child")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (texts(path), texts(own)) == (["parent"], ["child"])


def test_a_ring_without_other_references_leaves_its_file(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FlightRing(path).write("event", "x")
    assert texts(path) == ["x"]
