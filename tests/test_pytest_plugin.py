"""The pytest fixture, in tests of their own."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

SYSTEM = """
import pytest
from perflab import Config, PerformanceSystem

@pytest.fixture
def system():
    with PerformanceSystem(Config(resource_monitoring={"enabled": False}, enable_auto_optimization=False)) as system:
        for _ in range(200):
            system.record_operation("render page", duration_s=0.005)
        system.record_operation("seldom", duration_s=0.005)
        yield system
"""


@pytest.fixture
def outcomes(pytester: pytest.Pytester):
    """Return a function that runs tests which use the fixture."""
    known = any(point.value == "perflab.pytest_plugin" for point in entry_points(group="pytest11"))

    def run(source: str, *options: str):
        pytester.makepyfile(SYSTEM + source)
        plugin = () if known else ("-p", "perflab.pytest_plugin")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs", *plugin, *options)

    return run


def test_targets_that_hold_pass_and_others_end_the_test(outcomes) -> None:
    result = outcomes("""
def test_holds(system, perflab_targets):
    found = perflab_targets(system, "render_page.p95 < 10 ms", "render_page.errors <= 0")
    assert list(found["verdict"]) == ["pass", "pass"]

def test_fails(system, perflab_targets):
    perflab_targets(system, "render_page.p95 < 1 ms")

def test_is_not_measured(system, perflab_targets):
    perflab_targets(system, "no_such.metric < 1 ms")

def test_is_unclear(system, perflab_targets):
    perflab_targets(system, "seldom.p50 < 10 ms")
""")
    result.assert_outcomes(passed=1, failed=2, skipped=1)
    result.stdout.fnmatch_lines(["*fail: render_page.p95 < 1 ms, measured 5.00 ms*"])
    result.stdout.fnmatch_lines(["*unavailable: no_such.metric*"])
    result.stdout.fnmatch_lines(["*unclear: seldom.p50*"])


def test_a_file_of_targets_is_judged(outcomes, pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", bounds='targets = ["render_page.p50 < 1 s", "seldom.errors <= 0"]')
    source = """
def test_file(system, perflab_targets):
    assert len(perflab_targets(system)) == 2
"""
    outcomes(source, "--perflab-targets", "bounds.toml").assert_outcomes(passed=1)
    outcomes(source).assert_outcomes(failed=1)
