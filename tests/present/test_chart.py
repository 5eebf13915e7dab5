"""Charts written as SVG at once, parsed as XML."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import present_frames as made
from hypothesis import given
from hypothesis import strategies as st

from perflab.present.chart import Axis, Chart, Level, Line, Mark
from perflab.present.live import cpu_chart, hit_rate_chart, memory_chart
from perflab.present.samples_chart import samples_chart
from perflab.present.theme import LIGHT

FINITE = st.floats(-1e12, 1e12)
SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


@given(FINITE, st.floats(1e-9, 1e12), st.integers(2, 12))
def test_ticks_are_few_round_and_within(low: float, span: float, most: int) -> None:
    axis = Axis(low, low + span)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    slack = 1e-9 * max(abs(low), span)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)


@given(st.floats(1e-6, 1e6), st.floats(1.5, 1e9))
def test_ticks_of_a_log_axis_are_round(low: float, times: float) -> None:
    for tick in Axis(low, low * times, is_log=True).ticks():
        assert round(tick / 10 ** math.floor(math.log10(tick) + 1e-9), 6) in (1, 2, 5)


@given(st.lists(st.tuples(FINITE, st.floats()), max_size=30))
def test_whatever_the_points_the_chart_stays_within_its_box(points: list[tuple[float, float]]) -> None:
    line = Line("one", "l1", [x for x, _ in points], [y for _, y in points], area=True)
    root = parsed(Chart("a label", Axis(-1, 1), Axis(0, 1), [line]).svg())
    for path in root.iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path.get("d", ""))]
        assert all(0 <= number <= 560 for number in numbers)


def test_it_is_one_named_element_and_text_is_inert() -> None:
    chart = Chart(
        "<b>&", Axis(0, 1, "<i>"), Axis(0, 1), [Line("<u>", "l1", [0], [0]), Line("b", "l2", [0], [0])],
        [Level(0.5, "<s>")], [Mark(0.5, 0.5, "<q>")],
    )  # fmt: skip
    root = parsed(chart.svg())
    assert (root.get("role"), root.get("aria-label")) == ("img", "<b>&")
    assert {"<i>", "<u>", "<s>", "<q>"} <= {text.text for text in root.iter(f"{SVG}text")}


def test_every_colour_follows_the_page() -> None:
    svg = samples_chart(made.samples())
    colors = re.findall(r"(?:fill|stroke):([^;\"]+)", svg)
    assert len(colors) > 5
    assert {color for color in colors if not color.startswith("var(--perflab-")} == {"none"}
    assert all(f",{LIGHT.color(role)})" in svg for role in re.findall(r"var\(--perflab-([a-z0-9]+)", svg))


def test_a_gap_breaks_the_line() -> None:
    line = Line("one", "l1", [0, 1, 2, 3], [0, math.nan, 1, 1])
    svg = Chart("a", Axis(0, 3), Axis(0, 1), [line]).svg()
    drawn = next(path for path in re.findall(r'd="([^"]*)"', svg) if "L" in path)
    assert (drawn.count("M"), drawn.count("L")) == (2, 1)


def test_each_timed_sample_is_one_dot() -> None:
    samples = made.samples()
    timed = samples[(samples["purpose"] == "time") & samples["error"].isna()]
    svg = samples_chart(samples)
    dots = sum(path.count("h0") for path in re.findall(r'd="(M[^"]*h0)"', svg))
    assert dots == len(timed)
    assert "No sample was taken yet." in samples_chart(samples.head(0))


def test_shares_of_tiers_add_up_and_a_second_without_reads_is_a_gap() -> None:
    svg = hit_rate_chart([(-2, {"l1": 5, "miss": 5}), (-1, {}), (0, {"l1": 5, "l3": 5})], 10, 0.9)
    assert "NaN" not in svg
    assert "nan" not in svg
    assert "target 90%" in svg


def test_memory_without_a_row_is_an_empty_chart() -> None:
    parsed(memory_chart(made.resources().head(0), [], 30, 1e6))


def test_a_point_between_gaps_is_a_dot() -> None:
    line = Line("one", "l1", [0, 1, 2], [math.nan, 0.5, math.nan])
    svg = Chart("a", Axis(0, 2), Axis(0, 1), [line]).svg()
    assert 'h0" style="fill:none;stroke:var(--perflab-l1' in svg


def test_samples_that_tell_memory_alone_do_not_break_the_line_of_cpu() -> None:
    resources = made.resources(20)
    resources.loc[5:8, ["cpu_ratio", "process_cpu_ratio"]] = math.nan
    drawn = [path for path in re.findall(r'd="(M[^"]*)"', cpu_chart(resources, 60)) if "L" in path]
    assert [path.count("M") for path in drawn] == [1, 1]
