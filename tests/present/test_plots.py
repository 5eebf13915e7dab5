"""Every plot: text inside the canvas and apart from other text, odd data, and matplotlib left as it was.

In: synthetic frames. Out: figures, whose text extents the Agg renderer measures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pandas as pd
import present_frames as made
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from perflab.present import plots
from perflab.present.latency import percentiles
from perflab.present.theme import DARK, LIGHT, style

LONG = "a_metric_whose_name_goes_on_and_on_until_nobody_reads_it_any_more_and_then_some"


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def extents(figure: Figure) -> list[tuple[str, tuple[float, ...]]]:
    """Return each drawn text with its left, lower, right and upper end."""
    canvas = FigureCanvasAgg(figure)
    with style():
        canvas.draw()
    shown = (t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip())
    # A tick outside its axis's limits exists but is not drawn: it has no extent on the canvas.
    drawn = {
        id(tick.label1) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for tick in axis.get_major_ticks()
    }
    kept = {
        id(tick.label1)
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis._update_ticks()
        if tick.label1.get_visible()
    }  # fmt: skip
    return [
        (text.get_text(), tuple(text.get_window_extent(canvas.get_renderer()).extents.tolist()))
        for text in shown
        if id(text) not in drawn or id(text) in kept
    ]


def check_layout(figure: Figure) -> None:
    boxes = extents(figure)
    assert boxes
    for text, box in boxes:
        left, low, right, high = box
        inside = left >= -0.5 and low >= -0.5 and right <= figure.bbox.x1 + 0.5 and high <= figure.bbox.y1 + 0.5
        assert inside, f"{text!r} is cut off: {box}"
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        # Boxes include the room for accents and descenders: only a real overlap is a defect.
        assert width < 0.6 or height < 3.0, f"{one!r} and {other!r} overlap by {width:.1f} x {height:.1f}"


def many_targets(count: int = 28) -> pd.DataFrame:
    return made.targets(
        [(f"group_{i % 6}.{LONG if i % 7 == 0 else f'metric_{i}'}", f"a.b < {i + 1} s", "s", i * 0.9, i * 0.8, i * 1.1,
          ("pass", "fail", "unclear")[i % 3], "measured: median") for i in range(count)]
    )  # fmt: skip


def odd_targets() -> pd.DataFrame:
    nan, inf = math.nan, math.inf
    return made.targets(
        [
            ("a.infinite_interval", "a.b < 10 ms", "s", 0.005, -inf, inf, "unclear", "measured"),
            ("a.infinite_actual", "a.b < 10 ms", "s", inf, nan, nan, "unavailable", "unavailable: division by zero"),
            ("a.far", "a.b < 1 B", "bytes", 4e14, 3e14, 5e14, "fail", "measured"),
            ("a.far_below", "a.b >= 50 %", "ratio", -40.0, -41.0, -39.0, "fail", "measured"),
            ("a.no_number", "as good as it gets", "s", 1.0, 1.0, 1.0, "unclear", "measured"),
            ("a.zero", "a.b <= 0", "count", 3, 3, 3, "fail", "measured"),
            ("nameless", "a > 2", "count", nan, nan, nan, "unavailable", "unavailable: " + LONG * 4),
            ("<script>$x^2$\x1b\u202e", "a > 2", "count", 3.0, 2.5, 3.5, "pass", "measured"),
            ("数据.命中率", "a > 2", "count", 3.0, nan, nan, "wrong verdict", "measured"),
        ]
    )


def many_events() -> pd.DataFrame:
    return made.events().assign(name=[f"{LONG}{i}" for i in range(9)])


def swapped() -> pd.DataFrame:
    frame = made.samples()
    return frame.assign(arm=frame["arm"].astype(str).map({"baseline": "optimized", "optimized": "baseline"}))


FIGURES: dict[str, Callable[[], Figure]] = {
    "targets": lambda: plots.targets(made.targets()),
    "targets_one": lambda: plots.targets(made.targets(made.TARGETS[:1])),
    "targets_many": lambda: plots.targets(many_targets()),
    "targets_odd": lambda: plots.targets(odd_targets()),
    "latency": lambda: plots.latency(made.accesses(2000)),
    "latency_samples": lambda: plots.latency(made.samples(12)),
    "latency_same": lambda: plots.latency(made.accesses(60).assign(duration_s=0.001)),
    "latency_zero": lambda: plots.latency(made.accesses(60).assign(duration_s=0.0)),
    "hit_rate": lambda: plots.hit_rate(made.accesses(2000), target=0.9),
    "hit_rate_misses": lambda: plots.hit_rate(made.accesses(100).assign(event="miss", tier=None), target=0.0),
    "hit_rate_hits": lambda: plots.hit_rate(made.accesses(100).assign(event="hit", tier="l1"), target=1.0),
    "hit_rate_untiered": lambda: plots.hit_rate(made.accesses(100).assign(event="hit", tier=None)),
    "resources": lambda: plots.resources(made.resources(), made.events(), cpu_threshold=0.75, memory_threshold=1e8),
    "resources_few": lambda: plots.resources(made.resources(4)),
    "resources_blind": lambda: plots.resources(made.resources(9).assign(cpu_ratio=math.nan, growth_bytes=-5)),
    "resources_events": lambda: plots.resources(made.resources(), many_events()),
    "resources_processes": lambda: plots.resources(made.recorded_resources(made.samples(1), 2), of="timed runs"),
    "before_after": lambda: plots.before_after(made.samples()),
    "before_after_one": lambda: plots.before_after(made.samples(1).query("workload == 'cross-validation'")),
    "before_after_many": lambda: plots.before_after(made.samples(60).query("workload == 'cross-validation'")),
    "before_after_slower": lambda: plots.before_after(swapped()),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_text_is_inside_the_canvas_and_apart(name: str) -> None:
    check_layout(FIGURES[name]())


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.targets(made.empty()["targets"]),
        lambda: plots.latency(made.empty()["accesses"]),
        lambda: plots.latency(made.accesses(50).assign(duration_s=math.nan)),
        lambda: plots.latency(made.empty()["samples"]),
        lambda: plots.hit_rate(made.empty()["accesses"]),
        lambda: plots.hit_rate(made.accesses(3)),
        lambda: plots.resources(made.empty()["resources"]),
        lambda: plots.resources(made.resources(5).assign(t=made.START)),
        lambda: plots.before_after(made.empty()["samples"]),
        lambda: plots.before_after(made.samples().assign(arm="optimized")),
        lambda: plots.before_after(made.samples().assign(error="ValueError: no")),
        lambda: plots.targets(pd.DataFrame()),
        lambda: plots.latency(pd.DataFrame()),
        lambda: plots.hit_rate(pd.DataFrame()),
        lambda: plots.resources(pd.DataFrame()),
        lambda: plots.before_after(pd.DataFrame()),
    ],
)
def test_too_little_data_is_said(draw: Callable[[], Figure]) -> None:
    figure = draw()
    assert any(text.startswith("Not enough data: ") for text in texts(figure))
    assert not figure.axes
    check_layout(figure)


def test_targets_say_verdicts_in_words_and_marks() -> None:
    shown = texts(plots.targets(made.targets()))
    assert {"✓ pass", "✗ fail", "? unclear", "– unavailable"} <= set(shown)
    assert shown.count("✓ pass") == 7
    assert "no row of accesses has a size" in shown
    assert "7.94 s (7.71 s to 8.22 s)" in shown
    assert "≈ 310 µs (300 µs to 330 µs)" in shown
    assert "≥ 47.0 %" in shown


def test_a_bar_ends_at_the_actual_value_as_a_share_of_its_bound() -> None:
    figure = plots.targets(made.targets([("a.b", "a.b < 20 s", "s", 5.0, 4.0, 6.0, "pass", "measured")]))
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert 0.25 in widths
    assert any(list(line.get_xdata()) == [0.2, 0.3] for line in figure.axes[0].lines)


def test_hit_rate_stacks_the_counted_shares() -> None:
    frame = made.accesses(1000)
    hits, misses = (int((frame["event"] == event).sum()) for event in ("hit", "miss"))
    shown = texts(plots.hit_rate(frame, target=0.9))
    assert f"Cache hit rate by the tier that answered: {hits / (hits + misses) * 100:.1f} % over all" in shown
    l1 = int(((frame["event"] == "hit") & (frame["tier"] == "l1")).sum())
    assert f"l1 {l1 / (hits + misses) * 100:.1f} %" in shown
    assert "target 90 %" in shown


def test_hit_rate_follows_time_and_not_the_rows() -> None:
    frame = made.accesses(200).assign(event=["miss"] * 100 + ["hit"] * 100, tier=[None] * 100 + ["l1"] * 100)
    tops = [plots.hit_rate(one).axes[0].patches[0].get_data().values for one in (frame, frame.iloc[::-1])]
    assert np.array_equal(tops[0], tops[1])
    assert tops[0][0] == 0
    assert tops[0][-1] == 1


def test_resources_break_between_processes() -> None:
    frame = made.resources(9).assign(run_id=["a"] * 5 + ["b"] * 3 + ["c"])
    figure = plots.resources(frame)
    assert "n = 9 samples of 3 processes, each with lines of its own" in " ".join(texts(figure))
    lines = [line for line in figure.axes[1].lines if line.get_transform() == figure.axes[1].transData]
    curve, marks = lines
    gaps = [index for index, value in enumerate(curve.get_ydata()) if math.isnan(value)]
    assert gaps == [5, 9]
    # The line of one sample, or of three, is too short to be seen without its marks.
    assert list(marks.get_xdata()) == [5.0, 6.0, 7.0, 8.0]
    assert marks.get_marker() == "o"
    assert marks.get_linestyle() == "None"


def test_one_process_has_one_line_without_marks() -> None:
    figure = plots.resources(made.resources(9))
    assert "n = 9 samples of one process, over" in " ".join(texts(figure))
    assert not any(math.isnan(y) for line in figure.axes[1].lines for y in line.get_ydata())


def test_slices_do_not_cross_processes() -> None:
    frame = made.resources(2000).assign(run_id=["a"] * 1000 + ["b"] * 1000, growth_bytes=[0] * 1000 + [10**8] * 1000)
    curve = plots.resources(frame).axes[1].lines[0]
    assert {float(value) for value in curve.get_ydata() if not math.isnan(value)} == {0.0, 1e8}


def test_percentiles_need_enough_values() -> None:
    assert math.isnan(percentiles(np.ones(19))[95])
    assert percentiles(np.ones(20))[95] == 1.0
    assert math.isnan(percentiles(np.ones(99))[99])


def test_long_runs_are_drawn_with_few_points() -> None:
    for figure in (plots.latency(made.accesses(20_000)), plots.resources(made.resources(5000))):
        assert max(len(line.get_xdata()) for axes in figure.axes for line in axes.lines) <= 150


def test_before_after_tells_the_ratio() -> None:
    rows = {"workload": ["w"] * 12, "state": ["cold"] * 12, "arm": ["baseline", "optimized"] * 6,
            "pair": [i // 2 for i in range(12)], "purpose": ["time"] * 12, "wall_s": [4.0, 1.0] * 6}  # fmt: skip
    shown = texts(plots.before_after(made.frame("samples", rows)))
    assert "75.0 % less time" in shown
    assert "ratio 0.250 (0.250 to 0.250)" in shown
    assert "faster, n = 6 pairs" in shown


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_settings_of_matplotlib_are_left_alone(palette: object) -> None:
    before = dict(mpl.rcParams)
    plots.targets(made.targets(made.TARGETS[:2]), palette=palette)  # type: ignore[arg-type]
    assert dict(mpl.rcParams) == before


def test_settings_of_the_notebook_do_not_reach_the_plot() -> None:
    plain = plots.targets(made.targets(made.TARGETS[:2]))
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "axes.grid": True, "lines.linewidth": 9}):
        other = plots.targets(made.targets(made.TARGETS[:2]))
    assert other.axes[0].get_facecolor() == plain.axes[0].get_facecolor()
    assert other.axes[0].lines[0].get_linewidth() == plain.axes[0].lines[0].get_linewidth()
    check_layout(other)
