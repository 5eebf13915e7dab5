"""One fuzzer in a process of its own: `hunt.py engine name seconds seed folder`, or `hunt.py again name seed-or-file`.

In: how long, from which seed. Out: `<name>.<engine>.json` in the folder: executions, and findings, as texts that say
how to have them again. What is being tried is in `<name>.<engine>.last`, for a process that dies of it.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HANGS_S = 30.0
MEMORY_BYTES = 8_000_000_000
"""Address space of a hunt: a length that is believed must not take the machine's memory."""
RUNS = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")
"""What no input may bring the package to do, as the names of audit events."""
_LAST_BYTES = 1_000_000
_ROUND = 200
_ENOUGH = 5


class HangError(BaseException):
    """An example takes too long; no handler of the package's may take it for an error of the input."""


class Watch:
    """Notes each example before it is run, counts it, ends one that hangs, and tells if one ran something."""

    def __init__(self, last: Path) -> None:
        self.count = 0
        self._ran: list[str] = []
        last.write_bytes(bytes(_LAST_BYTES))
        with last.open("r+b") as file:
            self._last = mmap.mmap(file.fileno(), _LAST_BYTES)
        signal.signal(signal.SIGALRM, _hang)
        sys.addaudithook(self._hear)

    @contextlib.contextmanager
    def __call__(self, arguments: dict[str, Any]) -> Iterator[None]:
        """Stand around one example."""
        self.count += 1
        text = repr(arguments).encode("utf-8", "backslashreplace")[: _LAST_BYTES - 1]
        self._last[: len(text) + 1] = text + b"\0"
        self._ran.clear()
        signal.setitimer(signal.ITIMER_REAL, HANGS_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        assert not self._ran, f"the input brought the program to run something: {self._ran}"

    def _hear(self, event: str, _: object) -> None:
        if event in RUNS:
            self._ran.append(event)


def _hang(*_: object) -> None:
    raise HangError(f"not ready after {HANGS_S:g} s")


def by_hypothesis(name: str, seconds: float, seed: int, folder: Path) -> None:
    """Draw examples from fresh seeds until the time is over, or there are findings enough."""
    from everything import FUZZERS
    from hypothesis import seed as seeded

    watch, draw, ends = Watch(folder / f"{name}.hypothesis.last"), random.Random(seed), time.monotonic() + seconds
    findings: dict[str, str] = {}
    while time.monotonic() < ends and len(findings) < _ENOUGH:
        number = draw.getrandbits(32)
        try:
            seeded(number)(FUZZERS[name].test(_ROUND, watch))()
        except (Exception, HangError) as error:
            findings.setdefault(
                _place(error), f"{_again(name, number)}\n\n{''.join(traceback.format_exception(error))}"
            )
    answer = {"executions": watch.count, "findings": list(findings.values())}
    (folder / f"{name}.hypothesis.json").write_text(json.dumps(answer))


def by_atheris(name: str, seconds: float, seed: int, folder: Path) -> None:
    """Have libFuzzer change the bytes that examples are drawn from, guided by what they reach; it ends the process."""
    import atheris

    with atheris.instrument_imports(include=["perflab"]):
        from everything import FUZZERS
    one = FUZZERS[name].test(1, Watch(folder / f"{name}.atheris.last")).hypothesis.fuzz_one_input
    corpus = folder / f"{name}.corpus"
    corpus.mkdir(exist_ok=True)
    flags = [f"-max_total_time={seconds:.0f}", f"-seed={seed % 2**32}", f"-timeout={2 * HANGS_S:.0f}", "-max_len=4096"]
    limits = ["-rss_limit_mb=4000", "-print_final_stats=1", f"-artifact_prefix={folder}/{name}.atheris."]
    atheris.Setup([sys.argv[0], *flags, *limits, str(corpus)], one)
    atheris.Fuzz()


def again(name: str, what: str) -> None:
    """Run one finding once more: a seed of hypothesis's, or a file of libFuzzer's."""
    from everything import FUZZERS
    from hypothesis import seed as seeded

    if what.isdigit():
        seeded(int(what))(FUZZERS[name].test(_ROUND))()
    else:
        FUZZERS[name].test(1).hypothesis.fuzz_one_input(Path(what).read_bytes())


def _again(name: str, what: object) -> str:
    return f"have it again: python tests/fuzz/hunt.py again {name} {what}"


def _place(error: BaseException) -> str:
    """Return what tells one finding from another: the kind of the error and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} {frames[-1].filename}:{frames[-1].lineno}"


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    if sys.argv[1] == "again":
        again(*sys.argv[2:])
    else:
        engines = {"hypothesis": by_hypothesis, "atheris": by_atheris}
        engines[sys.argv[1]](sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
