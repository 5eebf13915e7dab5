from __future__ import annotations

from pathlib import Path

import pandas as pd
import present_frames as made
import pytest
from test_report import Page, hostile

from perflab.analyze.runs import compare_metrics
from perflab.errors import RunError
from perflab.present import theme
from perflab.present.comparison_report import Against, write_comparison
from perflab.present.run_ratios import MOST_ROWS, run_ratios


def against(name: str, factor: float, *differences: tuple[str, str, object, object]) -> Against:
    """Return a run whose every value is that of the typical run times a factor."""
    run = made.typical()
    metrics = run.metrics.assign(**{side: run.metrics[side] * factor for side in ("value", "low", "high")})
    apart = pd.DataFrame(differences, columns=["kind", "name", "a", "b"], dtype=object)
    return Against(name, run, apart, compare_metrics(run.metrics, metrics))


@pytest.fixture
def page(tmp_path: Path) -> Page:
    others = [against("B", 2.0, ("settings", "parallel.workers", 2, 4)), against("C", 1.0)]
    return Page(write_comparison(tmp_path / "c.html", made.typical(), others).read_text())


def test_it_says_what_was_set_and_what_came_out_differently(page: Page) -> None:
    assert "Run B against run A: of" in page.text
    assert "Not one series: settings differ." in page.text
    assert "Source, host and settings are the same." in page.text
    assert "parallel.workers settings 2 4 2" in page.text  # run C is as run A
    assert "higher" in page.text


def test_every_metric_stands_in_one_table_of_each_run(tmp_path: Path) -> None:
    other = against("B", 2.0)
    html = write_comparison(tmp_path / "c.html", made.typical(), [other]).read_text()
    rows = html.count('<tr><th scope="row"') - 2 - len(made.typical().targets)  # the runs, the targets
    assert rows == len(other.metrics)


def test_the_file_loads_nothing_and_is_the_same_twice(tmp_path: Path) -> None:
    others = [against("B", 0.5, ("source", "documents", "aa", "bb"))]
    pages = [write_comparison(tmp_path / f"{n}.html", made.typical(), others).read_bytes() for n in "12"]
    assert pages[0] == pages[1]
    assert len(pages[0]) < 200_000
    page = Page(pages[0].decode())
    assert not page.all("script")
    assert [link["href"] for link in page.all("a") if not link["href"].startswith("#")] == []


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    run = hostile()
    metrics = run.metrics.drop_duplicates("name")
    frame = compare_metrics(metrics, metrics)
    apart = pd.DataFrame([("settings", run.title, run.title, None)], columns=["kind", "name", "a", "b"], dtype=object)
    html = write_comparison(tmp_path / "c.html", run, [Against("B", run, apart, frame)]).read_text()
    assert "<script" not in html
    assert "\x1b" not in html


def test_the_plot_has_those_metrics_that_differ_most() -> None:
    names = [f"metric_{number}" for number in range(40)]
    apart = [1 + number / 40 for number in range(40)]
    frame = pd.DataFrame({"name": names, "ratio": apart, "low": apart, "high": apart, "verdict": "within noise"})
    text = theme.svg(run_ratios({"B": frame}), "ratios")
    shown = [name for name in names if f">{name.replace('_', ' ')}<" in text]
    assert len(shown) == MOST_ROWS
    assert shown == names[-MOST_ROWS:]
    assert f"The {MOST_ROWS} of 40 metrics" in text


def test_without_a_shared_metric_the_plot_says_why_it_is_empty() -> None:
    frame = compare_metrics(made.metrics().head(0), made.metrics())
    assert "Not enough data" in theme.svg(run_ratios({"B": frame}), "ratios")


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="it is a folder"):
        write_comparison(tmp_path, made.typical(), [against("B", 1.0)])
