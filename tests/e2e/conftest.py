"""A headless Chromium of the system's, and a JupyterLab; without the former, tests are skipped by name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from lab_server import Lab
from playwright.sync_api import Browser, expect, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)


expect.set_options(timeout=30_000)  # a busy machine is slow, and no fault


@pytest.fixture(scope="module")  # not longer: while its driver runs, no other test of the process can have a loop
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium; install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS), headless=True)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a JupyterLab that is started once a module, with a folder of its own as its root."""
    del browser  # without one there is nothing to look at it with, and it is not started
    home = tmp_path_factory.mktemp("lab")
    (home / "root").mkdir()
    started = Lab(home / "root", home)
    yield started.wait()
    started.stop()
