"""The report: nothing external, nothing hostile, complete, accessible, the same bytes twice.

In: synthetic runs. Out: pages, parsed by `html.parser`.
"""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import present_frames as made
import pytest

from perflab.errors import RunError
from perflab.present import DARK, LIGHT, ReportData, render, summary, write
from perflab.record.frames import FRAMES

HOSTILE = '<script>alert(1)</script>\x1b[31m\u202e=HYPERLINK("http://evil.example")\n|\' onload="x" $\\frac$'
HOSTILE_WORK = json.dumps({HOSTILE: 1})
VOID = {"meta", "link", "br", "wbr", "path", "use", "rect", "image"}


class Page(HTMLParser):
    """Every element with its attributes, the text, and whether elements nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def html() -> str:
    return render(made.typical())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def hostile() -> ReportData:
    operations = made.operations(5).assign(
        name=HOSTILE, key=HOSTILE * 50, error=pd.Series([f"{HOSTILE}\ud800"] * 5, dtype=object)
    )
    targets = made.targets([(HOSTILE, HOSTILE, "s", 1.0, 0.5, 2.0, "fail", HOSTILE)])
    metrics = made.metrics().assign(name=f"{HOSTILE}.time_reduction", method=HOSTILE)
    frames = {
        "operations": operations,
        "events": made.events().assign(name=HOSTILE, payload=HOSTILE),
        "samples": made.samples(1).assign(workload=HOSTILE, arm_run_id="run-h", work=HOSTILE_WORK),
        "accesses": made.accesses(100).assign(key=HOSTILE, tier=HOSTILE, run_id="run-h"),
        "resources": made.resources(9),
        "optimizations": made.optimizations().assign(knob=HOSTILE, reason=HOSTILE),
    }
    info = {
        **made.info(),
        "label": f"{HOSTILE}\ud800",
        "host": {HOSTILE: HOSTILE},
        "status": HOSTILE,
        "started": HOSTILE,
    }
    return ReportData(info, metrics, targets, frames)


def check_inert(html: str) -> Page:
    page = Page(html)
    assert not page.open
    assert not page.all("script")
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "xlink:href", "data", "action", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:,"))
    assert not re.search(r"url\((?!#)|@import", html)
    assert not re.findall(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    return page


def test_nothing_leaves_the_file(html: str) -> None:
    page = check_inert(html)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    without_names = re.sub(r'xmlns(:xlink)?="[^"]*"', "", html)
    assert "http:" not in without_names
    assert "https:" not in without_names


def test_every_plot_is_there_and_named(page: Page) -> None:
    plots = page.all("svg")
    assert len(plots) == 6
    assert all(plot["role"] == "img" and len(plot["aria-label"]) > 40 for plot in plots)
    assert len({plot["aria-label"] for plot in plots}) == 6


def test_identifiers_are_unique_and_known(page: Page) -> None:
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    targets = [attributes.get(name, "") for _, attributes in page.elements for name in ("href", "xlink:href")]
    links = {target[1:] for target in targets if target.startswith("#")}
    assert links <= set(identifiers)


def test_structure_is_accessible(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) >= 10
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


def test_the_summary_is_made_from_the_numbers(page: Page) -> None:
    assert "Of 14 targets, 7 pass, 4 fail, 2 are unclear and 1 is unavailable." in page.text
    said = "The biggest measured improvement is 94.0 % less time in document creation, warm"
    assert f"{said} (95 % interval 93.0 % to 95.0 %, n = 6)." in page.text
    assert "The target missed by the most is memory, peak: 412 MB where < 150 MB is wanted." in page.text


def test_no_improvement_is_claimed_where_the_interval_holds_zero() -> None:
    metrics = made.metrics().assign(low=-0.01)
    assert "No improvement was measured" in summary.sentences(made.targets(), metrics)[1]
    estimated = made.metrics().assign(how="estimated")
    assert "No improvement was measured" in summary.sentences(made.targets(), estimated)[1]


def test_numbers_have_their_units(page: Page) -> None:
    for said in (
        "7.94 s",
        "412 MB",
        "58.0 %",
        "cold, 1 worker",
        "Cache by state and tier",
        "of the warm runs",
        "8.00 GB",
        "● 4",
        "noise floor",
        "96.0 %",
    ):
        assert said in page.text


def test_a_live_system_counts_all_its_rows() -> None:
    data = made.live()
    text = Page(render(data)).text
    for event in ("hit", "miss", "evict"):
        assert f"{int((data.frames['accesses']['event'] == event).sum()):,}" in text
    assert "This run holds no benchmark" in text
    assert "This run is still going on." in text
    assert "nothing of the kind was recorded" not in text


@pytest.mark.parametrize(
    ("status", "shown"),
    [("cancelled", True), ("unfinished", True), ("running", True), ("failed", True), ("finished", False)],
)
def test_a_run_that_did_not_finish_says_so(status: str, shown: bool) -> None:
    page = Page(render(ReportData(made.info(status), pd.DataFrame(), pd.DataFrame(), {})))
    assert any(one.get("role") == "status" for one in page.all("p")) is shown
    assert ("Every figure is of what was" in page.text) is shown


def test_the_same_run_gives_the_same_bytes(html: str) -> None:
    assert render(made.typical()) == html


def test_a_typical_report_is_small(html: str) -> None:
    assert len(html.encode()) <= 200_000


def test_a_run_without_rows_renders() -> None:
    nothing = ReportData({}, pd.DataFrame(), pd.DataFrame(), made.empty())
    page = check_inert(render(nothing))
    assert page.text.count("Not enough data") == 4
    assert "No target was judged." in page.text
    assert "nothing of the kind was recorded" in page.text
    assert render(ReportData({}, pd.DataFrame(), pd.DataFrame())) == render(nothing)


def test_odd_numbers_render() -> None:
    odd = [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300]
    rows = [("a.b", "a.b < 10 s", "s", x, y, z, "fail", "measured") for x in odd for y in odd[:3] for z in odd[:3]]
    metrics = pd.DataFrame([(n, v, v, v, "s", "measured", "", 1) for n, v in zip("abcdef", odd, strict=True)],
                           columns=["name", "value", "low", "high", "unit", "how", "method", "n"])  # fmt: skip
    frames = {"samples": made.samples().assign(wall_s=np.inf), "resources": made.resources(9).assign(cpu_ratio=np.inf)}
    check_inert(render(ReportData(made.info(), metrics, made.targets(rows), frames)))


def test_hostile_text_is_inert() -> None:
    page = check_inert(render(hostile()))
    assert "<script>alert(1)</script>\\x1b[31m\\u202e" in page.text


def test_the_title_may_be_given() -> None:
    page = Page(render(ReportData({}, pd.DataFrame(), pd.DataFrame()), title="Überblick 数据 & <co>"))
    assert "Überblick 数据 & <co>" in page.text


def test_write_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    data = ReportData({}, pd.DataFrame(), pd.DataFrame())
    target = tmp_path / "new" / "report.html"
    assert write(target, data) == target
    write(target, data, title="second")
    assert "second" in target.read_text("utf-8")
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_a_path_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = ReportData({}, pd.DataFrame(), pd.DataFrame())
    another = "choose another file"
    paths = {tmp_path: "it is a folder", tmp_path / "file" / "r.html": another, tmp_path / "a\0b": another}
    for path, reason in paths.items():
        with pytest.raises(RunError, match=reason) as caught:
            write(path, data)
        assert str(caught.value).count(". ") == 0


def test_frames_are_read_once() -> None:
    reads: list[str] = []

    class Frames(dict[str, pd.DataFrame]):
        def get(self, name: str, _: object = None) -> pd.DataFrame:  # type: ignore[override]
            reads.append(name)
            return made.empty()[name]

    render(ReportData({}, made.metrics(), pd.DataFrame(), Frames()))
    assert sorted(reads) == sorted(FRAMES)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_has_contrast(palette: object) -> None:
    for role in ("ink", "muted", "good", "bad", "unsure", "absent", "baseline", "optimized", "third"):
        for ground in ("surface", "zone"):
            assert contrast(getattr(palette, role), getattr(palette, ground)) >= 4.5, (role, ground)
    assert len(set(vars_of(palette))) == 15


def vars_of(palette: object) -> list[str]:
    return [getattr(palette, name) for name in type(palette).__slots__]  # type: ignore[attr-defined]
