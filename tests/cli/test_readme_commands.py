"""Every command that the README shows, and those of the guide, can be run as they stand.

Names that stand for something (`RUN`, `TRACE`, `A`, `B`) are filled in. Two small files stand for the standard library,
and where a workload or many trials would be measured, nothing is: `test_commands.py` measures.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from spoken import said

import perflab.workloads.concurrency
from perflab import Config, PerformanceSystem, Trace
from perflab.cli.codes import MEANINGS
from perflab.present.result_table import BEGIN, END
from perflab.system.self_check import Check
from perflab.workloads.accesses import zipf

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
GUIDE = [
    "perflab optimize",
    "perflab benchmark",
    'perflab optimize-files --files="src/large-file1.ts,src/large-file2.ts"',
    "perflab status",
]
MEASURING = ("benchmark", "optimize", "compare", "whatif")
"""Commands that may end with what they found, 1 or 3."""


def shown() -> Iterator[str]:
    """Every command in a block of a console, or in backticks."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            yield line.removeprefix("$ ").partition("#")[0].strip()
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", text)


COMMANDS = list(dict.fromkeys([
    *(line.removeprefix(".venv/bin/") for line in shown() if re.match(r"(\.venv/bin/)?perflab ", line)),
    *GUIDE,
]))  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    quiet = Config(resource_monitoring={"enabled": False})
    for label in ("first", "second"):
        with PerformanceSystem(quiet, run_dir=folder / label, label=label) as system:
            for key in zipf(600, 40):
                system.cache.get_or_load(key, lambda: "text" * 20)
    return folder


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the commands name, as the working one; measuring in it takes little."""
    source = tmp_path / "src"
    source.mkdir()
    for name in ("orders", "parts"):
        (source / f"{name}.py").write_text(f'"""The {name}."""\n\n\ndef find(number):\n    return number\n')
    for name in ("large-file1.ts", "large-file2.ts"):
        (source / name).write_text("export function find(n: number) { return n }\n")
    (tmp_path / "mod.py").write_text(
        "def slow():\n    return sum(range(9_000))\n\n\ndef fast():\n    return 40_495_500\n"
    )
    (tmp_path / "bounds.toml").write_text('targets = ["cache.hit_rate > 1%"]\n')
    (tmp_path / "perflab.toml").write_text("max_parallel_operations = 2\n")
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    Trace.of(zipf(600, 40)).save(tmp_path / "trace.csv.gz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERFLAB_BENCHMARK__PAIRS", "1")
    monkeypatch.setattr("perflab.workloads.corpus.sysconfig.get_path", lambda _: str(source))
    held = [Check("a truth", "1", "1", True)]
    monkeypatch.setattr("perflab.system.self_check.self_check", lambda **_: held)
    once = functools.partial(perflab.workloads.concurrency.measure_concurrency, levels=(1,), requests=2)
    monkeypatch.setattr("perflab.workloads.concurrency.measure_concurrency", once)
    return tmp_path


def test_commands_are_found_in_the_readme() -> None:
    names = {command.split()[1] for command in COMMANDS}
    assert {"optimize", "benchmark", "status", "cache", "doctor", "deploy", "export", "report", "whatif"} <= names
    assert 'perflab optimize-files --files="src/large-file1.ts,src/large-file2.ts"' in shown()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_or_the_guide_can_be_run(
    command: str, runs: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del workshop
    places = {"RUN": runs / "first", "A": runs / "first", "B": runs / "second", "TRACE": "trace.csv.gz"}
    words = [str(places.get(word, word)) for word in shlex.split(command)[1:]]
    if words == ["optimize"] or words[0] == "history" or words == ["export", "--prometheus"]:
        words += ["--runs", str(runs)]  # of the last run, which somebody has made
    if words[0] == "benchmark":
        monkeypatch.setattr("perflab.system.measure.run_workloads", lambda *_, **__: [])
    if words[:2] == ["--install-completion"]:
        pytest.skip("it would write to the home folder; test_terminal.py shows the script")
    if words[0] == "lab":
        words += ["--json"]  # without it this process becomes JupyterLab; test_lab.py shows that
    code, text, errors = said(*words)
    fresh_only = words[:2] == ["status", "--fresh"]
    assert code in ((0, 1, 3) if words[0] in MEASURING or fresh_only else (0,)), text + errors
    assert text
    assert "Traceback" not in errors


def test_the_table_of_exit_codes_is_the_one_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", README, re.MULTILINE)
    assert rows == [(str(code.value), meaning) for code, meaning in MEANINGS.items()]
    epilog = " ".join(said("--help").text.split())
    assert all(f"{code.value}: {meaning}" in epilog for code, meaning in MEANINGS.items())
