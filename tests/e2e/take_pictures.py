"""Take the README's picture: `python tests/e2e/take_pictures.py RUN` writes notebooks/images/report.png.

In: a run folder. Out: the first screen of its report, as Chromium shows it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import perflab

IMAGES = Path(__file__).parents[2] / "notebooks" / "images"


def take(run: Path, target: Path) -> None:
    """Render the top of a run's report."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = perflab.open_run(run).report(Path(folder) / "report.html")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1060, "height": 1560}, device_scale_factor=0.75)
        page.goto(report.as_uri())
        target.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=target)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), IMAGES / "report.png")
