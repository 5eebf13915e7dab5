"""What a hand waits for in a panel: from a slider's move to the new picture, and from Cancel to its end.

In: JupyterLab in a browser, idle and while a benchmark runs. Out: printed times, none asserted; for `make perf`.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from lab_server import Lab
from playwright.sync_api import Browser, expect
from test_panels_in_lab import PANELS, SETUP, Dashboard, begin, write_notebook

MOVES = 60

# Moves the slider one step and waits until the browser has painted another picture.
MOVE = """async (slider) => {
    const tuner = slider.closest('.perflab-tuner');
    const shown = () => tuner.querySelector('svg[role=img]')?.outerHTML;
    const before = shown();
    const start = performance.now();
    slider.value = Number(slider.value) + (Number(slider.value) > 40 ? -20 : 1);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    while (shown() === before) {
        if (performance.now() - start > 5000) return NaN;
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    return performance.now() - start;
}"""


@pytest.fixture(scope="module")
def dashboard(browser: Browser, lab: Lab) -> Iterator[Dashboard]:
    write_notebook(lab.root / "dashboard.ipynb", SETUP, PANELS[0], PANELS[4])
    opened = Dashboard(browser, lab, "dashboard.ipynb")
    opened.run_all()
    expect(opened.panel("tuner").locator("svg[role=img]")).to_be_visible(timeout=60_000)
    yield opened
    opened.close()


def moves(dashboard: Dashboard) -> list[float]:
    slider = dashboard.panel("tuner").locator('[data-path="cache.l1_bytes"]').get_by_role("slider")
    slider.evaluate("slider => { slider.value = 3; slider.dispatchEvent(new Event('input', {bubbles: true})); }")
    dashboard.page.wait_for_timeout(500)
    return [slider.evaluate(MOVE) for _ in range(MOVES)]


def told(what: str, times_ms: list[float]) -> None:
    ordered = sorted(times_ms)
    p50, p95 = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
    print(f"\n{what}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {ordered[-1]:.0f} ms, n = {len(ordered)}")


def test_from_a_slider_to_the_picture(dashboard: Dashboard) -> None:
    print(f"\nload when it began: {psutil.getloadavg()[0]:.1f} on {psutil.cpu_count()} cores")
    told("slider to picture, idle", moves(dashboard))
    begin(dashboard, 200)
    told("slider to picture, while a benchmark runs", moves(dashboard))
    dashboard.press("benchmarks", "Cancel")
    expect(dashboard.status("benchmarks")).to_contain_text("Cancelled: ", timeout=10_000)


def test_from_cancel_to_its_end(dashboard: Dashboard) -> None:
    visible, gone = [], []
    for _ in range(5):
        begin(dashboard, 200)
        dashboard.page.wait_for_timeout(1500)
        folder = Path(dashboard.lab.root, dashboard.ask("benchmarks.background.folder"))
        worker = psutil.Process(json.loads((folder / "worker.json").read_text())["pid"])
        started = time.perf_counter()
        seen_ms = dashboard.panel("benchmarks").evaluate(
            """async (panel) => {
                const start = performance.now();
                const button = [...panel.querySelectorAll('button')].find(one => one.textContent.trim() === 'Cancel');
                button.click();
                while (!panel.querySelector('.perflab-status').textContent.includes('Cancel'))
                    await new Promise(requestAnimationFrame);
                return performance.now() - start;
            }"""
        )
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.005)
        visible.append(seen_ms)
        gone.append((time.perf_counter() - started) * 1_000)
        expect(dashboard.status("benchmarks")).to_contain_text("Cancelled: ", timeout=10_000)
    told("Cancel to its sight", visible)
    told("Cancel to the end of the worker", gone)
