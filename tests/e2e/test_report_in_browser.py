from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from perflab import Config, PerformanceSystem, benchmark

SIZE = {"width": 1100, "height": 900}
PLOTS = {"live": 6, "benchmark": 5}  # one has nothing before and after, the other no trace of one cache

# Text of a plot that a reader could not see: outside of its own picture.
OUTSIDE = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
    const box = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
        const own = text.getBoundingClientRect();
        return own.left < box.left - 1 || own.right > box.right + 1
            || own.top < box.top - 1 || own.bottom > box.bottom + 1;
    }).map(text => text.textContent);
})"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    source = folder / "shop"
    source.mkdir()
    (source / "orders.py").write_text('"""Orders."""\n\n\ndef find(number):\n    return number\n')
    config = Config(benchmark={"warmup_blocks": 0}, parallel={"workers": 1})
    often = config.replace(resource_monitoring={"interval_s": 0.1})
    with PerformanceSystem(often, label="<img src=http://example.invalid/x> & more") as system:
        for number in range(300):
            with system.operation("read", key=number % 7):
                system.cache.get_or_load(f"</script>{number % 7}", lambda: "value")
        while len(system.frames.resources) < 2:
            time.sleep(0.05)
        live = system.report(folder / "live.html")
    measured = benchmark("document-creation", config=config, source=source, pairs=2)
    return {"live": live, "benchmark": measured.run.report(folder / "benchmark.html")}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["live", "benchmark"])
def test_the_report_shows_every_plot_and_asks_for_nothing(
    browser: Browser, reports: dict[str, Path], name: str, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport=SIZE, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(reports[name].as_uri())
    plots = page.locator("svg[role=img]")
    assert plots.count() == PLOTS[name]
    assert all(plots.nth(number).get_attribute("aria-label") for number in range(PLOTS[name]))
    assert all(plots.nth(number).bounding_box()["height"] > 40 for number in range(PLOTS[name]))  # type: ignore[index]
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZE["width"]
    assert asked == [reports[name].as_uri()]
    assert said == []
    context.close()


def test_light_and_dark_differ(browser: Browser, reports: dict[str, Path]) -> None:
    colors = set()
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(reports["live"].as_uri())
        colors.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert len(colors) == 2
