from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_commands import said

from perflab import Config, PerformanceSystem


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "first"
    with PerformanceSystem(Config(enable_auto_optimization=False), run_dir=folder) as system:
        for number in range(10):
            system.cache.get_or_load(number % 2, lambda: "text")
    return folder


def test_text_for_prometheus_goes_to_standard_output_and_parses(run: Path) -> None:
    code, text = said("export", run, "--prometheus")
    assert code == 0
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["perflab_cache_hit_ratio"].samples[0].value == pytest.approx(0.8)


def test_by_default_the_last_run_is_written(run: Path, tmp_path: Path) -> None:
    code, text = said("export", "--runs", run.parent, "--csv", tmp_path / "frames", "--events", tmp_path / "e.jsonl")
    assert code == 0
    assert f"csv: {tmp_path / 'frames'}" in text
    assert (tmp_path / "frames" / "accesses.csv").read_text().count("\n") > 10
    assert (tmp_path / "e.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing is to be written; say what, as in: perflab export --prometheus"),
        (("--prometheus", "--runs", "nowhere"), "There is no run in 'nowhere'"),
        (("nowhere", "--prometheus"), "nowhere"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(arguments: tuple[str, ...], message: str) -> None:
    code, text = said("export", *arguments)
    assert code == 2
    assert message in text
    assert text.count("\n") == 1
