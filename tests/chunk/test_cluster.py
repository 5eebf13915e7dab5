"""A corpus on a real scheduler with worker processes: complete and the same, also when one of them is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import pyarrow.parquet as pq
import pytest

from perflab.chunk import OPERATIONS, Chunk, chunks, to_dask
from perflab.errors import ConfigError, PerflabError

WAIT_S = 60.0
MODULE = "distributed.cli.dask_{}"
QUIET = {**os.environ, "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error"}


def start(role: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", MODULE.format(role), *map(str, arguments), "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=QUIET, **quiet)


def wait_for(condition: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    place = ("--host", "127.0.0.1", "--scheduler-file", file)
    programs = [start("scheduler", *place, "--port", "0")]
    try:
        wait_for(lambda: file.exists() and file.read_text().strip().endswith("}"))
        local = ("--scheduler-file", file, "--host", "127.0.0.1", "--local-directory", folder)
        programs += [start("worker", *local, "--no-nanny", "--nthreads", "1") for _ in range(2)]
        address = json.loads(file.read_text())["address"]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=WAIT_S)
        yield address, programs[1:]
    finally:
        for program in programs:
            program.kill()
            program.wait()


@pytest.fixture
def corpus(tmp_path: Path) -> list[Path]:
    made = []
    for number in range(24):
        path = tmp_path / "src" / f"m{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"def f{number}_{n}(x):\n    return [x] * {n}\n\n\n" for n in range(40)))
        made.append(path)
    return made


def rows_of(output: Path) -> list[dict[str, Any]]:
    table = pq.read_table(output)
    return sorted(table.to_pylist(), key=lambda row: (row["path"], row["start"]))


def expected(corpus: list[Path], operation: Any) -> list[dict[str, Any]]:
    found = []
    for path in sorted(map(str, corpus)):
        for chunk in chunks(path, max_bytes=200):
            names = ("path", "start", "stop", "start_line", "end_line", "kind", "name", "digest", "language")
            row = {name: getattr(chunk, name) for name in names}
            found.append({**row, "value": json.dumps(operation(chunk)), "error": None})
    return found


def test_a_corpus_becomes_a_dataset_and_is_not_computed_twice(cluster: Any, corpus: list[Path], tmp_path: Path) -> None:
    address, _ = cluster
    output = tmp_path / "found"
    first = to_dask(corpus, "analyze", output, client=address, max_bytes=200, in_flight=3)
    assert first["path"].tolist() == [str(path) for path in corpus]
    assert rows_of(output) == expected(corpus, OPERATIONS["analyze"])
    assert first["chunks"].sum() == len(rows_of(output))
    assert first["nbytes"].tolist() == [path.stat().st_size for path in corpus]
    corpus[3].write_text("def other(x):\n    return x\n")
    second = to_dask(corpus, "analyze", output, client=address, max_bytes=200)
    assert second["path"][~second["reused"].astype(bool)].tolist() == [str(corpus[3])]
    assert rows_of(output) == expected(corpus, OPERATIONS["analyze"])


def test_errors_are_named_and_cost_no_other_chunk(cluster: Any, corpus: list[Path], tmp_path: Path) -> None:
    def picky(chunk: Chunk) -> int:
        if "f1_3" in chunk.name:
            raise KeyError("picky")
        return len(chunk)

    paths = [*corpus[:2], tmp_path / "gone.py"]
    found = to_dask(paths, picky, tmp_path / "found", client=cluster[0], max_bytes=64, errors="collect")
    assert found["failed"].fillna(0).tolist()[:2] == [0, 11]
    assert "KeyError: 'picky' while processing" in found["error"][1]
    assert "does not exist" in found["error"][2]
    rows = rows_of(tmp_path / "found")
    assert {row["name"] for row in rows if row["error"]} == {f"f1_{n}" for n in (3, *range(30, 40))}
    with pytest.raises(PerflabError, match="picky"):
        to_dask(paths, picky, tmp_path / "found", client=cluster[0], max_bytes=64)


def test_mistakes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="polish"):
        to_dask([], "polish", tmp_path, client=None)


def test_a_worker_that_is_killed_costs_nothing(cluster: Any, corpus: list[Path], tmp_path: Path) -> None:
    address, workers = cluster
    output = tmp_path / "found"
    victim = workers[0]

    def slow(chunk: Chunk) -> int:
        time.sleep(0.02)
        return len(chunk.data)

    def kill_when_some_are_done() -> None:
        wait_for(lambda: len(list(output.glob("part-*"))) >= 3)
        victim.kill()

    killer = threading.Thread(target=kill_when_some_are_done)
    killer.start()
    found = to_dask(corpus, slow, output, client=address, max_bytes=200)
    killer.join()
    assert victim.wait(WAIT_S) == -9
    assert found["error"].isna().all()
    assert rows_of(output) == expected(corpus, lambda chunk: len(chunk.data))
    assert [path.name for path in output.iterdir() if not path.name.startswith("part-")] == []
