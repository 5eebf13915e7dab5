"""How faults are caused for real: mounts, full disks, other users, set clocks, limits, errors of system calls.

Each skips the test by name where this machine does not permit it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = [
    "FakedClock",
    "another_user",
    "control_group",
    "crowd",
    "fill",
    "immutable",
    "mounted",
    "program",
    "python",
    "read_only",
    "small_disk",
]

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@contextlib.contextmanager
def mounted(*arguments: str) -> Iterator[Path]:
    """Mount, and unmount even what is in use."""
    target = arguments[-1]
    allowed = not os.geteuid() and Path(MOUNT).exists()
    if not allowed or subprocess.run([MOUNT, *arguments], capture_output=True, check=False).returncode:
        pytest.skip(f"mount {' '.join(arguments[:-1])} is not permitted here")
    try:
        yield Path(target)
    finally:
        subprocess.run([UMOUNT, "-l", target], check=False, capture_output=True)


@contextlib.contextmanager
def small_disk(place: Path, options: str = "size=1m") -> Iterator[Path]:
    """Mount a disk of 1 MB, or with other bounds, on a folder that is made if it is missing."""
    place.mkdir(exist_ok=True)
    with mounted("-t", "tmpfs", "-o", options, "tmpfs", str(place)):
        yield place


@contextlib.contextmanager
def read_only(place: Path) -> Iterator[Path]:
    """Mount a folder over itself so that nothing can be written."""
    with mounted("--bind", str(place), str(place)):
        subprocess.run([MOUNT, "-o", "remount,bind,ro", str(place)], check=True)
        yield place


@contextlib.contextmanager
def immutable(place: Path) -> Iterator[Path]:
    """Take every change of a folder's entries away, also from root."""
    chattr = program("chattr")
    if subprocess.run([chattr, "+i", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("chattr +i is not permitted here")
    try:
        yield place
    finally:
        subprocess.run([chattr, "-i", str(place)], check=True)


def fill(place: Path) -> None:
    """Leave no byte free."""
    with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)


def crowd(place: Path) -> None:
    """Leave no inode free."""
    with contextlib.suppress(OSError):
        for number in range(1_000):
            (place / f"filler-{number}").touch()


def python(code: str, *arguments: object, under: tuple[str, ...] = (), **environ: str) -> str:
    """Run code in a process of its own, perhaps under another program, and return what it printed."""
    found = subprocess.run(
        [*under, sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def program(name: str) -> str:
    """Return the path of a program."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path


def another_user() -> tuple[str, ...]:
    """Return what Python is to be run under to be user 65534, who owns nothing."""
    if os.geteuid():
        pytest.skip("only root can become another user")
    under = (program("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups")
    if subprocess.run([*under, sys.executable, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("Python cannot be run as another user here")
    return under


class FakedClock:
    """A wall clock that another process sees, and that can be set while it runs; its monotonic clock is real."""

    def __init__(self, place: Path) -> None:
        if not FAKETIME.exists():
            pytest.skip(f"{FAKETIME} is not installed here")
        self.path = place
        self.path.write_text("+0")

    @property
    def environ(self) -> dict[str, str]:
        """What the other process must have in its environment."""
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@contextlib.contextmanager
def control_group(controller: str, **bounds: int) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Make a control group with bounds, of version 1; yield its folder, and what a program is run under to be in it."""
    group = Path("/sys/fs/cgroup", controller, f"perflab-{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip(f"control groups of {controller} cannot be made here")
    try:
        for name, bound in bounds.items():
            (group / f"{controller}.{name}").write_text(str(bound))
        yield group, ("/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    finally:
        group.rmdir()
