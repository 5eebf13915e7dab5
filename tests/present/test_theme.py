"""SVG text: the same bytes in every process, identifiers of its own, colours that follow the page.

In: figures. Out: `<svg>` elements, parsed as XML.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from xml.etree import ElementTree

import present_frames as made
import pytest

from perflab.present import DARK, LIGHT, plots, stylesheet, svg
from perflab.present.theme import style

PROGRAM = """
import sys
import threading
sys.path.insert(0, sys.argv[1])
import hashlib, present_frames as made
from perflab.present import plots, svg
print(hashlib.sha256(svg(plots.targets(made.targets(made.TARGETS[:3])), "targets").encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def drawn() -> str:
    return svg(plots.targets(made.targets()), 'Targets "so far" <b>')


def test_it_is_one_named_element(drawn: str) -> None:
    root = ElementTree.fromstring(drawn)  # noqa: S314  # made by the code under test
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Targets "so far" <b>'
    assert root[0].tag.endswith("title")
    assert root[0].text == 'Targets "so far" <b>'
    assert "<style" not in drawn
    assert "metadata" not in drawn


def test_text_stays_text(drawn: str) -> None:
    assert ">✓ pass</text>" in drawn
    assert ">Document creation</text>" in drawn


def test_every_colour_follows_the_page(drawn: str) -> None:
    colors = re.findall(r"(?:fill|stroke):([^;\"]+)", drawn)
    assert len(colors) > 50
    assert {color for color in colors if not color.startswith("var(--perflab-")} <= {"none"}
    named = set(re.findall(r"var\((--perflab-[a-z0-9]+)", drawn))
    assert all(stylesheet().count(f"{name}:") == 3 for name in named)


def test_two_figures_share_a_page_without_a_clash() -> None:
    one = svg(plots.hit_rate(made.accesses(500)), "one")
    two = svg(plots.hit_rate(made.accesses(500, seed=8)), "two")
    first, second = (set(re.findall(r' id="([^"]+)"', text)) for text in (one, two))
    assert first
    assert not first & second
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', one)) == first


def test_the_dark_palette_is_drawn_dark() -> None:
    text = svg(plots.targets(made.targets(made.TARGETS[:3]), palette=DARK), "dark", palette=DARK)
    assert f"var(--perflab-surface,{DARK.surface})" in text
    assert LIGHT.surface not in text


def test_bytes_are_the_same_in_another_process() -> None:
    here = svg(plots.targets(made.targets(made.TARGETS[:3])), "targets")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(Path(__file__).parent)],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_matplotlib_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, perflab.present; print({'matplotlib', 'pandas', 'jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_a_figure_is_the_same_while_another_thread_finishes_one() -> None:
    import matplotlib as mpl

    entered, left, found = threading.Event(), threading.Event(), list[str]()

    def draw() -> None:
        with style():
            entered.set()
            assert left.wait(10)
            found.append(mpl.rcParams["svg.fonttype"])

    other = threading.Thread(target=draw)
    with style():
        other.start()
        entered.wait(0.2)
    left.set()
    other.join(10)
    assert found == ["none"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_draws_though_a_thread_of_its_parent_did(drawn: str) -> None:
    drawing, done = threading.Event(), threading.Event()

    def draw() -> None:
        with style():
            drawing.set()
            assert done.wait(10)

    other = threading.Thread(target=draw)
    other.start()
    assert drawing.wait(10)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(int(svg(plots.targets(made.targets()), 'Targets "so far" <b>') != drawn))
    try:
        assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        other.join(10)
