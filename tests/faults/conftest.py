"""What `make faults` prints: each fault with what came of it, and how many were caused, survived and skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tally import Tally

from perflab import Config, PerformanceSystem


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(name): the fault of fault_table.py that the test causes")
    config.pluginmanager.register(Tally(), "faults")


def pytest_itemcollected(item: pytest.Item) -> None:
    # The properties of a report, unlike marks, reach the process that prints it.
    item.user_properties += [("fault", mark.args[0]) for mark in item.iter_markers("fault")]


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    """A system of threads and memory tiers, in which nothing happens by itself."""
    config = Config(
        resource_monitoring={"enabled": False},
        enable_auto_optimization=False,
        parallel={"kind": "threads"},
        cache={"l3_enabled": False},
    )
    with PerformanceSystem(config) as made:
        yield made
