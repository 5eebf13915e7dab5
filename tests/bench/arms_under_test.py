"""Arms that the benchmark's tests measure, importable in the measuring process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from perflab.bench import Outcome

MEGABYTE = 1_000_000


def total(numbers: int = 1000) -> int:
    return sum(range(numbers))


def total_by_formula(numbers: int = 1000) -> int:
    return numbers * (numbers - 1) // 2


def another_total(numbers: int = 1000) -> int:
    return numbers


def words_set() -> set[str]:
    return {"apple", "pear", "plum", "quince"}


def words_in_hash_order() -> str:
    return " ".join(words_set())


def raises() -> None:
    raise ValueError("the arm is broken")


def raises_in_block(calls: str, after: int) -> None:
    if count_call(calls) > after:
        raise ValueError("the arm broke late")


def exits() -> None:
    print("going down", file=sys.stderr)
    sys.stderr.flush()
    os._exit(7)


def hangs(pid_file: str) -> None:
    Path(pid_file).write_text(str(os.getpid()))
    time.sleep(600)


def interrupted_parent(parent: int, pid_file: str) -> None:
    Path(pid_file).write_text(str(os.getpid()))
    os.kill(parent, 2)
    time.sleep(600)


def prints_much() -> int:
    for _ in range(64):
        print("x" * 65_536)
        print('{"event": "done"}', file=sys.stderr)
    sys.stdout.flush()
    os.system('echo \'{"event": "done"}\'')  # noqa: S605, S607
    return 1


def changes_folder(folder: str) -> str:
    here = str(Path.cwd())
    os.chdir(folder)
    return here


def reads_input() -> str:
    return sys.stdin.read()


def count_call(calls: str) -> int:
    """Append a byte to a file and return how many there are."""
    with Path(calls).open("ab") as file:
        file.write(b".")
        return file.tell()


def prepare(calls: str, **_: Any) -> dict[str, int]:
    return {"made": count_call(calls)}


def is_prepared(calls: str, made: int) -> bool:
    return made == Path(calls).stat().st_size


def allocates(megabytes: int) -> None:
    block = bytearray(megabytes * MEGABYTE)
    for start in range(0, len(block), 4096):
        block[start] = 1


def allocates_in_child(megabytes: int) -> None:
    code = f"b = bytearray({megabytes * MEGABYTE}); b[::4096] = b'1' * len(b[::4096]); import time; time.sleep(1)"
    subprocess.run([sys.executable, "-c", code], check=True)


def reports_child(megabytes: int) -> Outcome:
    return Outcome(children_peak_bytes=megabytes * MEGABYTE)


def burns_in_child() -> None:
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)


def leaves_a_process(pid_file: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(pid_file).write_text(str(process.pid))


def records(folder: str) -> Outcome:
    return Outcome(digest="same", work={"chunks": 3}, run_dir=folder)


def import_path() -> bool:
    return str(Path(__file__).parent) in sys.path


def computes() -> int:
    return sum(range(20_000))


def waits() -> None:
    time.sleep(0.003)


def forks() -> int:
    if os.fork() == 0:
        return 1  # the child goes on as if it were the measuring process
    os.wait()
    return 1


def shouts() -> int:
    for _ in range(400):
        os.write(2, b"x" * 65_536)
    return 1


def removes_its_folder(folder: str) -> int:
    Path(folder).mkdir(exist_ok=True)
    os.chdir(folder)
    Path(folder).rmdir()
    return 1
