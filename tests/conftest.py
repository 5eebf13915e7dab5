"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

# How long an example takes is no property of what is tested.
settings.register_profile("perflab", deadline=None, max_examples=60)
settings.load_profile("perflab")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every garbage collection: a test that causes some took seconds."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let modules in C free what they hold, of which some tell otherwise."""
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PERFLAB_"):
            monkeypatch.delenv(name)
