"""Samples of each language, and stand-ins for the cache, the workers and the recorder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chunk_workers import InlineWorkers

SAMPLES = Path(__file__).parents[2] / "data" / "samples"
NAMES = ("inventory.py", "queue.ts", "carousel.js", "handbook.md")


class DictCache(dict[Any, Any]):
    """A dict with the two methods that are asked of a cache."""

    def set(self, key: Any, value: Any) -> None:
        self[key] = value


class RowList:
    """Keeps rows as tuples of frame and values."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def add(self, frame: str, **values: Any) -> None:
        self.rows.append((frame, values))


@pytest.fixture
def workers() -> InlineWorkers:
    return InlineWorkers()


@pytest.fixture
def cache() -> DictCache:
    return DictCache()


@pytest.fixture
def recorder() -> RowList:
    return RowList()


@pytest.fixture(params=NAMES)
def sample(request: pytest.FixtureRequest) -> Path:
    return SAMPLES / str(request.param)


@pytest.fixture
def python_sample() -> bytes:
    return (SAMPLES / "inventory.py").read_bytes()
