"""The notebooks where people run them: JupyterLab, papermill, voila.

In: what `perflab lab` copies. Out: no error, no stderr, no request that leaves the machine, the same report everywhere.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_server import Lab, Notebook, Voila, own_environment
from playwright.sync_api import Browser, expect

from perflab import Config, PerformanceSystem
from perflab.cli.lab import copy_notebooks, shipped

NAMES = sorted(Path(name).name for name in shipped() if name.endswith(".ipynb"))
# All of them take minutes: `make e2e-kernels` sets this, and every notebook runs under nbval in any case.
ALL = bool(os.environ.get("PERFLAB_E2E_ALL"))
CHOSEN = NAMES if ALL else [name for name in NAMES if name.startswith(("06", "07"))]


@pytest.fixture(scope="module")
def work(lab: Lab) -> Path:
    copy_notebooks(lab.root / "work")
    return lab.root / "work" / "notebooks"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "fixed"
    with PerformanceSystem(Config(cache={"l1_bytes": "20 kB"}), run_dir=folder, label="fixed") as system:
        for number in range(600):
            system.cache.get_or_load(number % 40, lambda: "x" * 1_000)
    return folder


def with_parameters(notebook: Path, name: str, **values: str) -> Path:
    """Write a copy of a notebook with these lines after its parameters, as papermill does."""
    content = json.loads(notebook.read_text())
    place = next(at for at, cell in enumerate(content["cells"]) if "parameters" in cell["metadata"].get("tags", []))
    source = "\n".join(f"{key} = {value!r}" for key, value in values.items())
    cell = {
        "cell_type": "code",
        "id": "injected",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
    content["cells"].insert(place + 1, cell)
    target = notebook.with_name(name)
    target.write_text(json.dumps(content))
    return target


@pytest.mark.parametrize("name", CHOSEN)
def test_a_notebook_runs_from_top_to_bottom(browser: Browser, lab: Lab, work: Path, name: str) -> None:
    opened = Notebook(browser, lab, (work / name).relative_to(lab.root).as_posix())
    begun = time.perf_counter()
    opened.run_all(180)
    print(f"\n{name}: {time.perf_counter() - begun:.1f} s from the first cell to the last")
    assert opened.problems() == []
    assert opened.said == []
    assert opened.left == []
    opened.close()


@pytest.mark.skipif(not ALL, reason="takes minutes; run by make e2e-kernels")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_in_papermill_and_says_nothing(work: Path, tmp_path: Path, name: str) -> None:
    done = papermill(work / name, tmp_path)
    cells = json.loads(done.read_text())["cells"]
    said = [output for cell in cells for output in cell.get("outputs", []) if output.get("name") == "stderr"]
    assert said == []


def papermill(notebook: Path, tmp_path: Path, **values: str) -> Path:
    done = tmp_path / "done.ipynb"
    given = [word for key, value in values.items() for word in ("-p", key, value)]
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "--cwd", str(notebook.parent), str(notebook)]
    subprocess.run([*command, str(done), *given], env=own_environment(tmp_path), check=True, capture_output=True)
    return done


def test_one_run_gives_the_same_report_wherever_it_is_written(
    browser: Browser, lab: Lab, work: Path, run: Path, tmp_path: Path
) -> None:
    places = {name: tmp_path / f"{name}.html" for name in ("cli", "lab", "papermill", "voila")}
    command = [sys.executable, "-m", "perflab", "report", str(run), "--output", str(places["cli"])]
    subprocess.run(command, env=own_environment(tmp_path), check=True, capture_output=True)
    source = work / "08-report.ipynb"
    papermill(source, tmp_path, RUN=str(run), REPORT=str(places["papermill"]))
    in_lab = with_parameters(source, "in-lab.ipynb", RUN=str(run), REPORT=str(places["lab"]))
    opened = Notebook(browser, lab, in_lab.relative_to(lab.root).as_posix())
    opened.run_all()
    assert opened.problems() == []
    opened.close()
    with Voila(with_parameters(source, "voila.ipynb", RUN=str(run), REPORT=str(places["voila"])), tmp_path) as voila:
        page = browser.new_page()
        page.goto(voila.url, timeout=60_000)
        expect(page.get_by_text(re.compile("written: True")).first).to_be_visible(timeout=60_000)
        page.close()
    contents = {name: path.read_bytes() for name, path in places.items()}
    assert {name: content == contents["cli"] for name, content in contents.items()} == dict.fromkeys(places, True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_report(browser: Browser, run: Path, tmp_path: Path, scheme: str) -> None:
    import perflab

    report = perflab.open_run(run).report(tmp_path / "report.html")
    # The page forbids scripts, also that of the checker.
    context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(report.as_uri())
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"] if ALL else ["light"])
def test_voila_shows_the_dashboard(browser: Browser, work: Path, tmp_path: Path, theme: str) -> None:
    with Voila(work / "07-dashboard.ipynb", tmp_path, theme) as voila:
        page = browser.new_page()
        # Voila's own page asks for fonts from elsewhere; the panels must do without.
        page.route(re.compile(r"https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page.goto(voila.url, timeout=90_000)
        expect(page.locator(".perflab")).to_have_count(6, timeout=90_000)
        for panel in ("tuner", "what-if"):  # drawn by threads, perhaps while voila put the page together
            expect(page.locator(f".perflab-{panel} svg[role=img]")).to_be_visible(timeout=60_000)
        slider = page.locator('.perflab-tuner [data-path="cache.l1_bytes"]').get_by_role("slider")
        slider.press("ArrowRight")
        expect(page.locator(".perflab-tuner .perflab-status")).to_contain_text("1 setting differs")
        expect(page.locator(".perflab-explorer [data-pick]")).to_have_count(2)
        found = Axe().run(page, context=".perflab")
        assert found.violations_count == 0, found.generate_report()
        page.close()
