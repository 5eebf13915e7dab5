"""Take the README's pictures: `python tests/e2e/take_pictures.py [RUN]` writes into notebooks/images.

In: JupyterLab with a panel; a run folder for the picture of a report. Out: tuner.png, and report.png if there is a run.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from conftest import FLAGS
from lab_server import Lab, Notebook, write_notebook
from playwright.sync_api import Browser, expect, sync_playwright

import perflab

IMAGES = Path(__file__).parents[2] / "notebooks" / "images"

SETUP = """
from random import Random
from perflab import Config, PerformanceSystem
from perflab.widgets import Tuner

system = PerformanceSystem(Config(cache={"l1_bytes": "60 kB", "l2_bytes": "60 kB"}, cache_targets={"hit_rate": 0.9}))
random = Random(2026)
for number in range(4_000):
    page = int(random.paretovariate(0.9)) % 500
    with system.operation("open", key=page % 7):
        _ = system.cache.get_or_load(("page", page), lambda: "text " * 250)
"""
PANEL = "tuner = Tuner(system); tuner.form.put('cache.l1_bytes', '20 kB'); tuner"


def take_tuner(browser: Browser, target: Path) -> None:
    """Render the panel of settings in JupyterLab."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir()
        write_notebook(root / "tuner.ipynb", SETUP, PANEL)
        lab = Lab(root, Path(folder)).wait()
        try:
            opened = Notebook(browser, lab, "tuner.ipynb", height=1400)
            opened.run_all()
            expect(opened.page.locator(".perflab-tuner svg[role=img]")).to_be_visible(timeout=60_000)
            # In a fresh clone the simulators are compiled first, and the panel says so.
            expect(opened.page.locator(".perflab-tuner .perflab-status").last).not_to_contain_text("compiles")
            opened.page.locator(".perflab-tuner").screenshot(path=target)
        finally:
            lab.stop()


def take_report(browser: Browser, run: Path, target: Path) -> None:
    """Render the top of a run's report."""
    with tempfile.TemporaryDirectory() as folder:
        report = perflab.open_run(run).report(Path(folder) / "report.html")
        page = browser.new_page(viewport={"width": 1060, "height": 1560}, device_scale_factor=0.75)
        page.goto(report.as_uri())
        page.screenshot(path=target)


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        take_tuner(started, IMAGES / "tuner.png")
        if len(sys.argv) > 1:
            take_report(started, Path(sys.argv[1]), IMAGES / "report.png")
        started.close()
