"""Pictures: each plot by name, with its label, in a notebook of either theme, saved to a file.

In: synthetic runs. Out: HTML and files.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import present_frames as made
import pytest

from perflab.errors import ConfigError, RunError
from perflab.present import DARK, LIGHT, PICTURES, Picture, ReportData, picture


@pytest.fixture(scope="module")
def run() -> ReportData:
    return made.typical()


@pytest.fixture(scope="module")
def targets(run: ReportData) -> Picture:
    return picture("targets", run)


def said(shown: Picture) -> list[str]:
    return [text.get_text() for text in shown.figure.texts]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("targets", "Targets and what was measured: 7 pass, 4 fail, 2 unclear, 1 unavailable"),
        ("before_after", "Time before and after, pair by pair"),
        ("hit_rate", "Cache hit rate by the tier that answered, warm runs: 100.0 % over all"),
        ("latency", "Time the caller waited for a cache access, warm runs"),
        ("resources", "CPU and memory over the run"),
        ("optimizations", "What each setting promised, and what it did"),
    ],
)
def test_every_plot_has_its_name(run: ReportData, name: str, title: str) -> None:
    shown = picture(name, run)
    assert said(shown)[0] == title
    assert shown.figure.axes
    assert repr(shown) == f"<Picture: {shown.label}>"


def test_the_names_are_the_plots() -> None:
    assert list(PICTURES) == ["targets", "before_after", "hit_rate", "latency", "resources", "optimizations"]
    with pytest.raises(ConfigError, match=r"'pie' is no plot; the plots are targets, before_after"):
        picture("pie", made.typical())


def test_a_run_without_rows_has_pictures() -> None:
    import pandas as pd

    nothing = ReportData({}, pd.DataFrame(), pd.DataFrame())
    assert all("Not enough data" in said(picture(name, nothing))[1] for name in PICTURES)


def test_labels_say_whose_accesses_they_are(run: ReportData) -> None:
    assert picture("hit_rate", run).label.endswith("over the accesses of the warm runs.")
    assert picture("latency", made.live()).label.endswith("p99 of the run.")


def test_resources_show_the_processes_that_metrics_are_of(run: ReportData) -> None:
    frames = dict(run.frames)
    events = frames["events"].assign(run_id=["cross-validation-memory-0"] * 8 + ["run-1"])
    shown = picture("resources", ReportData(run.info, run.metrics, run.targets, {**frames, "events": events}))
    # 2 workloads x 4 arms x 6 pairs, 3 samples each; the 6 memory runs and their events are left out.
    assert "n = 144 samples of 48 processes (the timed runs of the optimized arms)" in " ".join(said(shown))
    lanes = [text.get_text() for axes in shown.figure.axes for text in axes.texts]
    assert "file_optimized (1)" in lanes
    assert not any(text.startswith("memory_warning") for text in lanes)


def test_a_notebook_gets_the_label_and_the_colours(targets: Picture) -> None:
    html = targets._repr_html_()
    assert f'aria-label="{targets.label}"' in html
    used = set(re.findall(r"var\((--perflab-[a-z0-9]+)", html))
    assert used
    assert used <= set(re.findall(r"(--perflab-[a-z0-9]+):#", html))


@pytest.mark.parametrize(("theme", "palette"), [("true", LIGHT), ("false", DARK)])
def test_the_theme_of_jupyterlab_decides_over_the_system(targets: Picture, theme: str, palette: object) -> None:
    style = targets._repr_html_().partition("</style>")[0]
    # JupyterLab sets the attribute on the body: what is declared there is nearer to the plot than `:root` is.
    rules = re.findall(rf"([^{{}}]*)\[data-jp-theme-light={theme}\]{{([^}}]*)}}", style)
    assert len(rules) == 1
    assert f"--perflab-surface:{palette.surface};" in rules[0][1]  # type: ignore[attr-defined]
    assert "@media" not in rules[0][0]


def test_saved_files_can_be_read(targets: Picture, tmp_path: Path) -> None:
    png = targets.save(tmp_path / "plot.png")
    assert png == tmp_path / "plot.png"
    assert matplotlib.image.imread(png).shape[1] == 1750
    root = ElementTree.parse(targets.save(str(tmp_path / "plot.SVG"))).getroot()  # noqa: S314  # made by this test
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "var(" not in (tmp_path / "plot.SVG").read_text("utf-8")


@pytest.mark.parametrize("name", ["plot", "plot.exe"])
def test_an_unknown_format_is_one_sentence(targets: Picture, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"is no format of a plot; the formats are .*pdf.*png.*svg"):
        targets.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_one_sentence(targets: Picture, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"No such file or directory; choose another file\.$"):
        targets.save(tmp_path / "missing" / "plot.png")
