"""Runs fuzzers for minutes each: `python tests/fuzz/drive.py --minutes 5 [name ...]`.

In: names of fuzzers, all by default. Out: a line for each: executions, coverage, findings; each failing example is
kept, with what runs it again. Half of the time goes to hypothesis, the other half to atheris, where that is installed,
which is guided by coverage. A hunt is a process of its own (`hunt.py`): one that dies is a finding like any other.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE.parents[1] / "build" / "fuzz"
PATIENCE_S = 180
"""How much longer than it was told to a hunt may take, for its last round and for making an example small."""


@dataclass(frozen=True)
class Answer:
    """What one engine made of one fuzzer: executions, edges of the code reached (None: not counted), findings."""

    engine: str
    executions: int
    reached: int | None
    findings: tuple[str, ...]


def main() -> int:
    """Run the fuzzers that are asked for; return 1 if one of them found something."""
    names = _names()
    arguments = _arguments(names)
    engines = ["hypothesis", *(["atheris"] if importlib.util.find_spec("atheris") else [])]
    seconds = arguments.minutes * 60 / len(engines)
    FOUND.mkdir(parents=True, exist_ok=True)
    wanted = arguments.names or names
    print(
        f"{len(wanted)} fuzzers, {arguments.minutes:g} min each: {' and '.join(engines)}, seed {arguments.seed}",
        flush=True,
    )

    def hunt(name: str) -> int:
        found = 0
        for engine in engines:
            answer = ENGINES[engine](name, seconds, arguments.seed)
            found += len(answer.findings)
            print(_told(name, answer), flush=True)
        return found

    with ThreadPoolExecutor(arguments.at_once) as threads:
        found = sum(threads.map(hunt, wanted))
    print(f"{found} findings" + (f"; they are in {FOUND}" if found else ""))
    return 1 if found else 0


def _names() -> list[str]:
    """Return the names of all fuzzers, told by a process that may import them."""
    code = "from everything import FUZZERS; print(*sorted(FUZZERS))"
    return _run([sys.executable, "-c", code], 120).stdout.split()


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*names, []], help="all by default")
    parser.add_argument("--minutes", type=float, default=5.0, help="for each fuzzer")
    parser.add_argument("--at-once", type=int, default=2, help="how many fuzzers run at a time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    return parser.parse_args()


def _run(command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, errors="replace", check=False, timeout=timeout_s
    )


def _hunt(engine: str, name: str, seconds: float, seed: int) -> subprocess.CompletedProcess[str]:
    """Run one hunt; one that does not come to its end is killed, and its status is that of a timeout."""
    command = [sys.executable, str(HERE / "hunt.py"), engine, name, str(seconds), str(seed), str(FOUND)]
    try:
        return _run(command, seconds + PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        return subprocess.CompletedProcess(command, 124, "", f"it hung: killed after {error.timeout:g} s")


def by_hypothesis(name: str, seconds: float, seed: int) -> Answer:
    """Hunt by hypothesis."""
    told = FOUND / f"{name}.hypothesis.json"
    told.unlink(missing_ok=True)
    ended = _hunt("hypothesis", name, seconds, seed)
    if not told.exists():
        return Answer("hypothesis", 0, None, (_dead(name, "hypothesis", ended),))
    answer = json.loads(told.read_text())
    return Answer("hypothesis", answer["executions"], None, tuple(answer["findings"]))


def by_atheris(name: str, seconds: float, seed: int) -> Answer:
    """Hunt by atheris, whose figures libFuzzer prints."""
    ended = _hunt("atheris", name, seconds, seed)
    reached = [int(number) for number in re.findall(r"cov: (\d+)", ended.stderr)]
    executions = sum(map(int, re.findall(r"stat::number_of_executed_units:\s*(\d+)", ended.stderr)))
    findings = () if ended.returncode == 0 else (_dead(name, "atheris", ended),)
    return Answer("atheris", executions, max(reached, default=None), findings)


def _dead(name: str, engine: str, ended: subprocess.CompletedProcess[str]) -> str:
    """Describe a hunt that ended as it should not: what it tried last, where libFuzzer put that, what it said."""
    last = (FOUND / f"{name}.{engine}.last").read_bytes().split(b"\0")[0].decode("utf-8", "replace")
    files = re.findall(r"Test unit written to (\S+)", ended.stderr)
    how = "".join(f"have it again: python tests/fuzz/hunt.py again {name} {file}\n" for file in files)
    return f"{how}the process ended with {ended.returncode} while it tried {last[:2_000]}\n\n{ended.stderr[-8_000:]}"


def _told(name: str, answer: Answer) -> str:
    """Keep the findings as files; return one line for the fuzzer, and one for each of them."""
    reached = "" if answer.reached is None else f", {answer.reached} edges reached"
    lines = [f"{name} ({answer.engine}): {answer.executions} executions{reached}, {len(answer.findings)} findings"]
    for number, text in enumerate(answer.findings):
        path = FOUND / f"{name}.{answer.engine}.{number}.txt"
        path.write_text(text)
        lines.append(f"  {path}: {text.splitlines()[0]}")
    return "\n".join(lines)


ENGINES = {"hypothesis": by_hypothesis, "atheris": by_atheris}

if __name__ == "__main__":
    sys.exit(main())
