"""Keys and values of any kind: found again, or refused before anything is stored; recorded, kept and shown."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from causes import python
from contract import Ledger, answered, pipeline, recorded
from odd_keys import refused_keys, taken_keys

import perflab
from perflab import Config, PerformanceSystem
from perflab.cache import DiskCache
from perflab.errors import StoreError
from perflab.parallel import Workers

QUIET: dict[str, Any] = {
    "resource_monitoring": {"enabled": False},
    "enable_auto_optimization": False,
    "parallel": {"workers": 1},
}


class Unprintable:
    """A key whose text cannot be had."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class NoText:
    """A key whose text is none."""

    def __repr__(self) -> str:
        return None  # type: ignore[return-value]  # that is what is wrong with it


KEYS: list[Any] = [
    float("nan"),
    "x" * 2_000_000,
    b"y" * 2_000_000,
    "lone \ud800 surrogate",
    "nul \0 and escape \x1b[31m and bidi \u202e and\nnewline",
    "",
    None,
    (1,),
    (1.0,),
    True,
    1,
    frozenset({1, "a"}),
    ("nested", (float("nan"), None)),
    2**2000,
    "=HYPERLINK(1)",
    "<script>alert(1)</script>",
    Unprintable(),
    NoText(),
    len,
]


def use(system: PerformanceSystem) -> None:
    """Record each key in every way there is."""
    for key in KEYS:
        with system.operation("keyed", key=key) as op:
            op.related_keys = (key, key)
        system.record_operation("told", 0.1, key=key, related_keys=[key])
        system._recorder.access(key, "miss")


@pytest.mark.fault("odd keys")
@pytest.mark.parametrize("suffix", [".html", ".md", ".json"])
def test_a_run_with_keys_of_any_kind_is_kept_and_shown(tmp_path: Path, suffix: str) -> None:
    with PerformanceSystem(Config(**QUIET), run_dir=tmp_path / "run") as system:
        use(system)
        live = [system.frames[frame]["key"].tolist() for frame in ("operations", "accesses")]
        flight = perflab.open_run(tmp_path / "run").flight
        assert flight.attrs["problem"] is None
        assert len(flight) == 3 * len(KEYS)
    run = perflab.open_run(tmp_path / "run")
    assert [run.frames[frame]["key"].tolist() for frame in ("operations", "accesses")] == live
    assert len(live[0]) == 2 * len(live[1]) == 2 * len(KEYS)
    texts = [text for text in live[1] if isinstance(text, str)]
    assert max(map(len, texts)) <= 512
    assert {"nan", "", "(1,)", "(1.0,)", "True", "1", "<Unprintable whose repr raised RuntimeError>"} <= set(texts)
    assert not any("\ud800" in text for text in texts)
    page = run.report(tmp_path / f"report{suffix}").read_text()
    assert "<script>alert" not in page or suffix == ".json"
    assert "\x1b" not in page
    related = run.frames.operations["related_keys"].dropna()
    assert [len(json.loads(keys)) for keys in related] == [2, 1] * len(KEYS)


@pytest.mark.fault("odd keys")
def test_keys_of_any_kind_come_home_from_a_worker() -> None:
    with Workers(2) as workers, PerformanceSystem(Config(**QUIET)) as system:

        def work(numbers: tuple[int, int]) -> None:
            for key in (float("nan"), "\ud800", b"y" * 2_000_000, frozenset({numbers}), object):
                with system.operation("keyed", key=key):
                    pass

        list(workers.map(work, [(1, 2)]))
        keys = system.frames.operations["key"].tolist()
    assert keys[:2] == ["nan", "\\ud800"]
    assert keys[3:] == ["frozenset({(1, 2)})", "<class 'object'>"]
    assert len(keys[2]) <= 512


@pytest.mark.fault("odd keys")
@pytest.mark.parametrize("l1_bytes", [0, 50_000_000], ids=["disk", "memory"])
def test_odd_keys_are_found_again_and_none_stands_for_another(tmp_path: Path, l1_bytes: int) -> None:
    with pipeline(tmp_path / "c", l1_bytes=l1_bytes) as system:
        count = len(taken_keys())
        assert all(system.cache.set(key, number) for number, key in enumerate(taken_keys()))
        assert [system.cache.get(key) for key in taken_keys()] == list(range(count))
        events = system.frames.accesses["event"].astype(str)
        assert (events == "hit").sum() == count


@pytest.mark.fault("odd keys")
@pytest.mark.parametrize("number", range(len(refused_keys())))
def test_a_key_that_cannot_be_stored_is_refused_before_anything_is(tmp_path: Path, number: int) -> None:
    key = refused_keys()[number]
    with pipeline(tmp_path / "c", l1_bytes=100_000) as system:
        for use in (system.cache.set, lambda key, value: system.cache.get_or_load(key, lambda: value)):
            with pytest.raises((ValueError, TypeError), match=r"key of type .* cannot be stored.*use text|unhashable"):
                use(key, 1)
        assert len(system.cache) == 0
        assert list(system.cache.l3 or ()) == []


OTHER_PROCESS = """
import sys
from odd_keys import taken_keys
from perflab.cache import DiskCache
with DiskCache(sys.argv[1]) as cache:
    print([cache.get(key) for key in taken_keys()] == list(range(len(cache))))
"""


@pytest.mark.fault("odd keys under another hash seed")
@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_process_with_another_hash_seed_finds_every_key(tmp_path: Path, seed: str) -> None:
    with DiskCache(tmp_path / "c") as cache:
        assert all(cache.set(key, number) for number, key in enumerate(taken_keys()))
    assert python(OTHER_PROCESS, tmp_path / "c", PYTHONHASHSEED=seed) == "True\n"


@pytest.mark.fault("value of an unsupported type")
def test_a_value_of_a_type_that_disk_does_not_take_is_refused_by_name_and_the_old_one_stays(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "c") as cache:
        cache["page"] = "old"
        for value in (object(), lambda: 1, threading.Lock(), [1, {"deep": object()}]):
            with pytest.raises(StoreError, match=r"for the key 'page'.*(object|function|lock).*store plain data"):
                cache["page"] = value
        assert cache["page"] == "old"


@pytest.mark.fault("value of an unsupported type")
def test_a_pipeline_whose_values_disk_does_not_take_keeps_them_in_memory(tmp_path: Path) -> None:
    value = object()
    with pipeline(tmp_path / "c", l1_bytes=100_000) as system:
        answered(system.cache, {"page": value})
        assert system.cache.get("page") is value
        assert any(row.startswith("reject: ") for row in recorded(system.frames))


@pytest.mark.fault("value larger than the tier")
def test_a_value_larger_than_every_tier_is_returned_and_not_stored(tmp_path: Path) -> None:
    with pipeline(tmp_path / "c", l1_bytes=10_000, l3_bytes=20_000, l3_compress_bytes=10**9) as system:
        ledger = Ledger(system.cache)
        assert ledger.set("small", "value")
        answered(system.cache, {"large": b"x" * 30_000})
        assert "large" not in system.cache
        ledger.check()
        assert "reject: oversize" in recorded(system.frames)
        assert ledger.set("small", b"x" * 30_000) is False
        ledger.check()
