"""The panels in a real JupyterLab: keyboard, faults, reload, restart, themes, endurance.

In: one notebook with every panel, in one browser page. Out: what a user would see.
"""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe
from lab_server import Lab, Notebook, write_notebook
from playwright.sync_api import Browser, Locator, expect

import perflab
from perflab.widgets.fields import config_fields

SETUP = """
import shutil
from random import Random
from perflab import Config, PerformanceSystem
from perflab.widgets import Benchmarks, Explorer, Monitor, Targets, Tuner, WhatIfPanel

config = Config(cache={"l1_bytes": "60 kB", "l2_bytes": "10 kB", "l3_enabled": False}, enable_auto_optimization=False)
HOSTILE = "<img src=x onerror=alert(1)>"

def read(system):
    random = Random(1)
    for number in range(1_500):
        with system.operation("open", key=number % 3):
            system.cache.get_or_load((HOSTILE, int(random.paretovariate(0.9)) % 200), lambda: "x" * 1000)

shutil.rmtree("stored", ignore_errors=True)
for name, size in (("small", "20 kB"), ("large", "60 kB")):
    with PerformanceSystem(config.replace(cache={"l1_bytes": size}), run_dir=f"stored/{name}", label=HOSTILE) as one:
        read(one)
system = PerformanceSystem(config)
read(system)

def by_list():
    return sum([number * number for number in range(60_000)])

def by_stream():
    return sum(number * number for number in range(60_000))
"""
FAULTS = """
from functools import wraps
from perflab.widgets.panel import Panel

broken = []
guarded = Panel.guarded

def breakable(panel, callback):
    @wraps(callback)
    def call(*args, **kwargs):
        # A form without an answer waits for it, and what looks again and again would fail by itself.
        if panel in broken and not callback.__qualname__.endswith(("Form._take", "Form._hear", "._look")):
            raise RuntimeError("injected\\nsecond line")
        return callback(*args, **kwargs)

    return guarded(panel, call)

Panel.guarded = breakable
"""
PANELS = (
    "tuner = Tuner(system); tuner",
    "what_if = WhatIfPanel(system); what_if",
    "monitor = Monitor(system, every_s=0.5); monitor",
    "targets = Targets(system); targets",
    "benchmarks = Benchmarks([by_list, by_stream], runs_dir='runs'); benchmarks",
    "explorer = Explorer('stored'); explorer",
)
KINDS = ("tuner", "what-if", "monitor", "targets", "benchmarks", "explorer")

# Runs code in the notebook's kernel and returns the value of an expression, as text; nothing is printed.
ASK = """async ([code, expression]) => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const asked = kernel.requestExecute({code, store_history: false, user_expressions: {found: `str(${expression})`}});
    const {content} = await asked.done;
    const found = content.user_expressions?.found;
    return found?.data?.["text/plain"] ?? JSON.stringify(content);
}"""


class Dashboard(Notebook):
    """The notebook with every panel."""

    def panel(self, kind: str) -> Locator:
        return self.page.locator(f".perflab-{kind}").last

    def status(self, kind: str) -> Locator:
        return self.panel(kind).locator(".perflab-status").last

    def ask(self, expression: str, before: str = "") -> str:
        """Return what an expression is in the kernel, as text, after some code."""
        said = str(self.page.evaluate(ASK, [before, expression]))
        try:
            return str(ast.literal_eval(said))
        except (SyntaxError, ValueError):
            raise AssertionError(f"the kernel answered {said}") from None

    def do(self, code: str) -> None:
        """Run code in the kernel."""
        self.ask("None", code)

    def press(self, kind: str, name: str) -> None:
        self.panel(kind).get_by_role("button", name=name, exact=True).click()

    def reset(self) -> None:
        """Give the tuner's controls what is in force, and wait until it is there: what is set next is set on top."""
        self.press("tuner", "Reset")
        expect(self.status("tuner")).to_contain_text("Every control shows what is in force.")
        wait_for(self, "tuner.config == system.config", "True")


@pytest.fixture(scope="module")
def dashboard(browser: Browser, lab: Lab) -> Iterator[Dashboard]:
    write_notebook(lab.root / "dashboard.ipynb", SETUP, FAULTS, *PANELS)
    opened = Dashboard(browser, lab, "dashboard.ipynb", height=1400)
    opened.run_all()
    for kind in KINDS:
        opened.panel(kind).wait_for()
    yield opened
    assert opened.left == []
    opened.close()


def test_nothing_is_said_where_nobody_looks(dashboard: Dashboard) -> None:
    assert dashboard.problems() == []
    assert dashboard.said == []
    expect(dashboard.panel("tuner").locator("svg[role=img]")).to_be_visible()
    expect(dashboard.panel("targets").locator(".card").first).to_be_visible()
    expect(dashboard.panel("monitor").locator("svg[role=img]")).to_have_count(3)
    expect(dashboard.panel("explorer").locator("[data-pick]")).to_have_count(2)


@pytest.fixture(scope="module")
def pictures() -> Path:
    """A folder that git ignores: each run leaves its pictures there to be looked at."""
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    return folder


def look_over(dashboard: Dashboard, kinds: Sequence[str], theme: str, pictures: Path) -> None:
    """Hold panels against axe's rules in a theme, take their pictures, and go back to light."""
    dashboard.theme(theme)
    found = Axe().run(dashboard.page, context=", ".join(f".perflab-{kind}" for kind in kinds))
    assert found.violations_count == 0, found.generate_report()
    assert found.response["passes"]
    dashboard.page.set_viewport_size({"width": 1400, "height": 3000})  # what is not on the screen is in no picture
    for kind in kinds:
        dashboard.panel(kind).screenshot(path=pictures / f"{kind}-{theme}.png")
    dashboard.page.set_viewport_size({"width": 1400, "height": 1400})
    dashboard.theme("light")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_any_panel(dashboard: Dashboard, theme: str, pictures: Path) -> None:
    dashboard.theme(theme)
    dashboard.press("what-if", "Recommend")
    dashboard.panel("targets").locator(".card").first.click()
    if theme == "light":
        for run in ("small", "large"):
            dashboard.panel("explorer").get_by_role("button", name=run, exact=True).click()
    expect(dashboard.panel("explorer").get_by_role("button", name=r"('<img", exact=False).first).to_be_visible()
    expect(dashboard.panel("what-if").locator(".advice")).to_be_visible()
    look_over(dashboard, KINDS, theme, pictures)


def test_every_setting_is_reached_and_set_by_keyboard(dashboard: Dashboard) -> None:
    page, form = dashboard.page, dashboard.panel("tuner").locator(".perflab-form").first
    form.get_by_role("searchbox").focus()
    reached: list[str] = []
    for _ in range(400):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => {
                const at = document.activeElement;
                return {
                    path: at.closest('[data-path]')?.dataset.path, kind: at.type ?? at.tagName,
                    closed: at.tagName === 'SUMMARY' && !at.parentElement.open,
                    last: at.value === at.max, form: !!at.closest('.perflab-form'),
                };
            }"""
        )
        if not at["form"]:
            break
        if at["closed"]:
            page.keyboard.press("Enter")
        if at["path"] and at["path"] not in reached:
            reached.append(at["path"])
            change(page.keyboard, at)
    assert sorted(reached) == sorted(field.path for field in config_fields())
    wait_for(dashboard, "len(changes(system.config, tuner.config))", str(len(reached) - len(REFUSED)), IMPORT)
    said = json.loads(dashboard.ask("json.dumps(tuner.form.messages)", "import json"))
    assert sorted(said) == REFUSED
    assert all("allowed" in message for message in said.values())
    dashboard.reset()


REFUSED = ["alerts.webhook_url", "parallel.scheduler"]
"""Settings that take no text such as the one typed: addresses."""

IMPORT = "from perflab.system.apply import changes\n"


def change(keyboard: Any, at: dict[str, Any]) -> None:
    """Change the control that has the focus, in the way that its kind is changed by keyboard."""
    if at["kind"] == "range":
        keyboard.press("ArrowLeft" if at["last"] else "ArrowRight")
    elif at["kind"] == "checkbox":
        keyboard.press("Space")
    elif at["kind"] == "select-one":
        keyboard.press("ArrowDown")
    else:
        keyboard.type("mine")
        keyboard.press("Enter")


def wait_for(dashboard: Dashboard, expression: str, wanted: str, before: str = "") -> None:
    until = time.monotonic() + 30
    while (found := dashboard.ask(expression, before)) != wanted:
        assert time.monotonic() < until, f"{expression} is {found}, not {wanted}"
        dashboard.page.wait_for_timeout(100)


def test_out_of_range_is_told_beside_the_field_and_the_config_stays(dashboard: Dashboard) -> None:
    field = dashboard.panel("tuner").locator('[data-path="cache_targets.hit_rate"]')
    exact = field.get_by_role("textbox")
    exact.fill("1.7")
    exact.press("Enter")
    expect(field.get_by_role("alert")).to_contain_text("allowed: less than or equal to 1")
    expect(exact).to_have_attribute("aria-invalid", "true")
    assert dashboard.ask("tuner.config == system.config") == "True"
    dashboard.reset()
    expect(field.get_by_role("alert")).to_be_empty()


def test_what_is_being_typed_is_left_alone(dashboard: Dashboard) -> None:
    line = dashboard.panel("tuner").locator('[data-path="cache.l3_dir"]').get_by_role("textbox")
    line.scroll_into_view_if_needed()
    line.press_sequentially("mi")
    dashboard.do("tuner.form.put('benchmark.pairs', '9')")
    expect(dashboard.panel("tuner").locator('[data-path="benchmark.pairs"] input[type=text]')).to_have_value("9")
    line.press_sequentially("ne")
    line.press("Enter")
    wait_for(dashboard, "tuner.config.cache.l3_dir", "mine")
    dashboard.reset()


def test_what_is_selected_whole_is_replaced_by_typing_also_if_it_changed_meanwhile(dashboard: Dashboard) -> None:
    line = dashboard.panel("tuner").locator('[data-path="cache_targets.hit_rate"]').get_by_role("textbox")
    line.select_text()
    dashboard.do("tuner.form.put('cache_targets.hit_rate', '0.8')")
    expect(line).to_have_value("0.8")
    dashboard.page.keyboard.type("0.7")
    expect(line).to_have_value("0.7")
    line.press("Enter")
    wait_for(dashboard, "tuner.config.cache_targets.hit_rate", "0.7")
    dashboard.reset()


def test_what_is_not_answered_yet_is_sent_when_the_hand_leaves_a_control(dashboard: Dashboard) -> None:
    dashboard.do("import time; heard = []; tuner.form.on_msg(lambda _form, said, _buffers: heard.append(said))")
    dashboard.do("edit = tuner._draft.edit; tuner._draft.edit = lambda values: (time.sleep(2), edit(values))")
    field = dashboard.panel("tuner").locator('[data-path="cache.l1_bytes"]')
    for _ in range(5):
        field.get_by_role("slider").press("ArrowRight")
    dashboard.page.keyboard.press("Tab")
    last = field.get_by_role("textbox").input_value()
    wait_for(dashboard, "heard[-1]['edits']['values'].get('cache.l1_bytes') if heard else None", last)
    wait_for(
        dashboard, f"tuner.config.l1_bytes == parse_bytes('{last}')", "True", "from perflab.units import parse_bytes"
    )
    dashboard.reset()


def test_search_finds_by_name_and_by_meaning(dashboard: Dashboard) -> None:
    form = dashboard.panel("tuner").locator(".perflab-form").first
    form.get_by_role("searchbox").fill("leaves the memory tier first")
    expect(form.locator(".field:visible")).to_have_count(1)
    expect(form.locator('[data-path="cache.l1_policy"]')).to_be_visible()
    form.get_by_role("searchbox").fill("no such setting")
    expect(form.get_by_text("No setting is called so.")).to_be_visible()
    form.get_by_role("searchbox").fill("")


def test_a_change_in_code_moves_the_controls(dashboard: Dashboard) -> None:
    field = dashboard.panel("tuner").locator('[data-path="cache.l1_bytes"]')
    before = field.get_by_role("slider").input_value()
    dashboard.do("system.config = system.config.replace(cache={'l1_bytes': '2 kB'})")
    expect(field.get_by_role("textbox")).to_have_value("2 kB")
    assert field.get_by_role("slider").input_value() != before
    dashboard.do("system.config = config")
    expect(field.get_by_role("textbox")).to_have_value("60 kB")


def slide(panel: Locator, path: str) -> None:
    panel.locator(f'[data-path="{path}"]').get_by_role("slider").press("ArrowLeft")


def acts(panel: Locator) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what a hand can do in a panel: each button, one row of each table that can be picked, one control."""
    buttons = panel.locator(".jupyter-button:enabled")
    for place in range(buttons.count()):
        yield buttons.nth(place).inner_text(), buttons.nth(place).click
    tables = panel.locator(".perflab-listing:has([data-pick])")
    for place in range(tables.count()):
        yield f"row of table {place}", tables.nth(place).locator("[data-pick]").first.click
    for control in panel.locator(".perflab-form :is(input[type=range], select):visible").all()[:1]:
        yield "control", partial(turn, control)


def turn(control: Locator) -> None:
    """Move a slider to another stop, or a list to another choice."""
    is_at_start = control.evaluate("it => (it.type === 'range' ? Number(it.value) : it.selectedIndex) === 0")
    forth, back = ("ArrowRight", "ArrowLeft") if control.get_attribute("type") == "range" else ("ArrowDown", "ArrowUp")
    control.press(forth if is_at_start else back)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_in_a_callback_is_one_line_in_the_panel(dashboard: Dashboard, kind: str) -> None:
    name = kind.replace("-", "_")
    dashboard.do("explorer.selected or explorer.runs.pick('stored/small'); explorer.settle(30)")
    dashboard.do(f"form = getattr({name}, 'form', None); kept = form and dict(form.values); broken.append({name})")
    tried = []
    for what, act in acts(dashboard.panel(kind)):
        dashboard.do(f"{name}.say('')")
        act()
        expect(dashboard.status(kind), what).to_have_text("✗ RuntimeError: injected")
        tried.append(what)
    dashboard.do("broken.clear()\nif form: form.values = kept")
    assert len(tried) == ACTS[kind], tried
    assert dashboard.problems() == []
    assert dashboard.said == []


ACTS = {"tuner": 7, "what-if": 3, "monitor": 2, "targets": 2, "benchmarks": 2, "explorer": 10}
"""In how many ways each panel is used: buttons, tables with rows to pick, controls."""


def test_the_log_console_stays_empty(dashboard: Dashboard) -> None:
    page = dashboard.page
    page.evaluate("window.jupyterapp.commands.execute('logconsole:open', {source: 'dashboard.ipynb'})")
    console = page.locator(".jp-LogConsolePanel")
    console.wait_for()
    page.get_by_label("Log level").select_option("debug")
    expect(console.get_by_text("Log level set to debug")).to_be_visible()
    assert console.locator(".jp-OutputArea-child").count() == 1
    page.evaluate("""() => [...window.jupyterapp.shell.widgets('main')]
        .filter(one => one.node.querySelector('.jp-LogConsolePanel')).forEach(one => one.close())""")


def events(dashboard: Dashboard, count: int) -> None:
    """Move a slider so often, as fast as the page takes it, and wait until the last place is drawn."""
    field = dashboard.panel("tuner").locator('[data-path="cache.l1_bytes"]')
    field.get_by_role("slider").evaluate(
        """async (slider, count) => {
            for (let place = 0; place < count; place++) {
                slider.value = 10 + place % 20;
                slider.dispatchEvent(new Event('input', {bubbles: true}));
                if (place % 4 === 0) await new Promise(done => setTimeout(done, 4));
            }
        }""",
        count,
    )
    wait_for(dashboard, "tuner.form.values['cache.l1_bytes']", field.get_by_role("textbox").input_value())
    dashboard.do("tuner.settle(30)")


def test_two_thousand_events_leave_memory_and_page_as_they_were(dashboard: Dashboard) -> None:
    kernel = psutil.Process(int(dashboard.ask("os.getpid()", "import os")))
    dashboard.press("monitor", "Pause")
    events(dashboard, 400)
    nodes = "document.querySelectorAll('*').length"
    before = kernel.memory_info().rss, dashboard.page.evaluate(nodes)
    events(dashboard, 2_000)
    after = kernel.memory_info().rss, dashboard.page.evaluate(nodes)
    assert after[0] < before[0] * 1.05
    assert after[1] == pytest.approx(before[1], rel=0.05)
    dashboard.reset()


def begin(dashboard: Dashboard, pairs: int) -> None:
    pairs_field = dashboard.panel("benchmarks").locator('[data-path="pairs"]').get_by_role("textbox")
    pairs_field.fill(str(pairs))
    pairs_field.press("Enter")
    slider = dashboard.panel("benchmarks").locator('[data-path="pairs"]').get_by_role("slider")
    expect(slider).to_have_value(str(pairs - 1))
    dashboard.press("benchmarks", "Run")
    expect(dashboard.panel("benchmarks").get_by_role("progressbar")).to_be_visible()


def gone(process: psutil.Process) -> bool:
    """Return whether a process ends within a moment."""
    _, left = psutil.wait_procs([process], timeout=10)
    return left == []


def test_a_cancelled_benchmark_leaves_nobody_and_keeps_its_samples(dashboard: Dashboard) -> None:
    begin(dashboard, 200)
    folder = Path(dashboard.lab.root, dashboard.ask("benchmarks.background.folder"))
    worker = psutil.Process(json.loads((folder / "worker.json").read_text())["pid"])
    expect(dashboard.panel("benchmarks").get_by_text(re.compile(r"[1-9]\d* of \d+ samples"))).to_be_visible(
        timeout=30_000
    )
    assert dashboard.ask("'free'") == "free"
    dashboard.press("benchmarks", "Cancel")
    expect(dashboard.status("benchmarks")).to_contain_text("Cancelled: ")
    expect(dashboard.panel("benchmarks").get_by_text("Partial: cancelled after")).to_be_visible()
    assert gone(worker)
    kept = len(perflab.open_run(folder).frames.samples)
    assert kept > 0
    expect(dashboard.status("benchmarks")).to_contain_text(f"Cancelled: {kept} sample")


def test_a_run_outlives_the_page_and_the_kernel(dashboard: Dashboard, pictures: Path) -> None:
    begin(dashboard, 24)
    folder = Path(dashboard.lab.root, dashboard.ask("benchmarks.background.folder"))
    dashboard.save()
    dashboard.open(afresh=False)
    expect(dashboard.panel("benchmarks").get_by_text("samples", exact=False).first).to_be_visible()
    dashboard.restart()
    dashboard.run_all()
    assert dashboard.ask("benchmarks.background.folder") == str(folder.relative_to(dashboard.lab.root))
    expect(dashboard.status("benchmarks")).to_contain_text("Finished: ", timeout=180_000)
    run = perflab.open_run(folder)
    assert run.status == "finished"
    expect(dashboard.status("benchmarks")).to_contain_text(f"Finished: {len(run.frames.samples)} samples are kept")
    for theme in ("light", "dark"):
        look_over(dashboard, ["benchmarks"], theme, pictures)
