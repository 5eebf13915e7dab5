"""What a notebook shows of a system, a config, a trace, a what-if: HTML and text, in which keys are inert."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser

from perflab import Config, PerformanceSystem, Trace, whatif

HOSTILE = "<script>alert(1)</script>"
VOID = {"br", "wbr", "img", "input", "hr"}


class Balance(HTMLParser):
    """Notes every element that is opened and not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_system_shows_its_state_cache_frames_and_settings() -> None:
    with PerformanceSystem(Config(cache={"l1_policy": "sieve"})) as system:
        system.cache.get_or_load(HOSTILE, lambda: 1)
        system.cache.get_or_load(HOSTILE, lambda: 1)
        shown = system._repr_html_()
    page = Balance(shown)
    assert page.open == []
    assert "script" not in page.seen
    assert "2 accesses, hit rate 50.0%" in shown
    assert page.seen.count("summary") > 3
    assert "closed" in system._repr_html_()
    assert "closed" in repr(system)


def test_a_config_shows_what_differs_from_the_defaults_in_words() -> None:
    shown = Config(cache={"l1_policy": "sieve", "l3_dir": HOSTILE})._repr_html_()
    page = Balance(shown)
    assert page.open == []
    assert "script" not in page.seen
    assert "sieve (default: lru)" in shown
    assert "cache, 2 changed" in shown
    assert shown.count("<details open>") == 1
    assert "(default:" not in Config()._repr_html_()


def test_a_trace_and_a_what_if_show_their_facts() -> None:
    trace = Trace.of([HOSTILE, "b", HOSTILE])
    for shown in (trace._repr_html_(), whatif(trace)._repr_html_()):
        page = Balance(shown)
        assert page.open == []
        assert "script" not in page.seen
        assert "3 accesses to 2 keys" in shown


def test_the_package_is_imported_without_jupyter() -> None:
    jupyter = ("ipywidgets", "anywidget", "IPython")
    check = f"import sys, perflab, perflab.widgets; sys.exit(any(name in sys.modules for name in {jupyter}))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_setting_the_config_applies_it_and_tells_listeners() -> None:
    heard: list[object] = []
    with PerformanceSystem() as system:
        system.on("config_changed", lambda data: heard.append(data["changed"]))
        system.config = system.config.replace(cache={"l1_policy": "sieve"})
        system.config = system.config.replace(cache={"l1_policy": "sieve"})
        assert heard == [["cache.l1_policy"]]
        assert system.frames.events["name"].tolist().count("config_changed") == 1
