"""`perflab whatif`: text, JSON, a report, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perflab import Trace
from perflab.cli.app import app
from perflab.workloads.accesses import zipf

READS = zipf(2_000, 150, seed=4)


def said(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["whatif", *map(str, arguments)], env={"COLUMNS": "200", "NO_COLOR": "1"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return Trace.of(READS, nbytes=[100 + number for number in READS]).save(tmp_path / "trace.csv.gz")


def test_it_names_the_smallest_cache_and_writes_the_report(trace: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    code, text, _ = said(trace, "--target", 0.7, "--policies", "lru,s3fifo", "--report", report)
    assert code == 0
    assert "Hit rate by size: 2,000 accesses to" in text
    assert "hit rate 70." in text
    assert f"report: {report}" in text
    assert "<svg" in report.read_text()


def test_json_is_all_that_is_printed(trace: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    code, text, _ = said(trace, "--target", 0.7, "--policies", "lru,belady", "--json", "--report", report)
    answer = json.loads(text)
    assert code == 0
    assert answer["unit"] == "bytes"
    assert answer["recommendation"]["setting"]["policy"] == "lru"
    assert {row["policy"] for row in answer["curves"]} == {"lru", "belady"}
    assert answer["trace"] == {"source": trace.name, "accesses": 2_000, "keys": len(set(READS)), "wrong_lines": 0}


def test_by_entries_with_a_current_setting(trace: Path) -> None:
    code, text, _ = said(trace, "--by", "entries", "--current", "lru:50", "--target", 0.5, "--policies", "lru")
    assert code == 0
    assert "entries" in text


def test_what_cannot_be_reached_and_what_is_too_little_end_with_3(trace: Path, tmp_path: Path) -> None:
    code, text, _ = said(trace, "--target", 1, "--policies", "lru")
    assert code == 3
    assert "not reachable: No setting reaches a hit rate of 100.0%" in text
    few = tmp_path / "few.txt"
    few.write_text("1\n2\n1\n")
    assert said(few, "--json", "--policies", "lru")[0] == 3
    assert "not enough data" in said(few, "--policies", "lru")[1]


def test_times_that_go_back_can_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("time,key\n" + "2,a\n1,b\n" * 200)
    assert said(file, "--policies", "lru")[0] == 2
    assert said(file, "--policies", "lru", "--no-times")[0] == 0


def test_wrong_lines_are_told(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("key,size\n" + "a,1\nb,2\n" * 200 + "c,-1\n")
    assert "1 wrong line was passed over (line 402: size is '-1'" in said(file, "--policies", "lru")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--policies", "lru,arc"), "it must be some of lru, fifo, clock"),
        (("--by", "pages"), "by is 'pages'; it must be one of entries, bytes"),
        (("--current", "lru:0"), "size is 0"),
        (("--current", "lru"), "--current is 'lru'; write a policy and a size, as in: --current lru:50MB"),
        (("--current", "arc:5"), "--current is 'arc:5'"),
        (("--format", "xlsx"), "the format is 'xlsx'"),
    ],
)
def test_errors_are_one_sentence(trace: Path, arguments: tuple[str, ...], message: str) -> None:
    code, _, error = said(trace, *arguments)
    assert code == 2
    assert message in error
    assert "Traceback" not in error
