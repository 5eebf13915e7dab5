from __future__ import annotations

from pathlib import Path

from perflab import Config, PerformanceSystem, open_run
from perflab.system.traces import curves_of

QUIET = Config(cache={"l1_bytes": "20kB", "l1_policy": "sieve"}, enable_auto_optimization=False)


def worked(folder: Path, accesses: int, keys: int) -> Path:
    with PerformanceSystem(QUIET, run_dir=folder) as system:
        for number in range(accesses):
            system.cache.get_or_load(number * number % keys, lambda: "text" * 50)
    return folder


def test_a_report_shows_what_another_cache_would_have_done(tmp_path: Path) -> None:
    run = open_run(worked(tmp_path / "run", 300, 97))
    found = curves_of(run.frames, run.config)
    assert found is not None
    assert [curve.policy for curve in found.curves] == ["lru", "sieve", "s3fifo", "belady"]
    assert (found.current.policy, found.current.size) == ("sieve", 20_000)  # type: ignore[union-attr]
    own = found.curves[1].at(20_000)
    accesses = run.frames.accesses
    hits = ((accesses["event"] == "hit") & (accesses["tier"] == "l1")).sum()
    assert abs(own - hits / 300) < 0.05  # sizes on the curve lie apart
    text = run.report(tmp_path / "r.html").read_text()
    assert "Hit rate by size of the cache" in text


def test_too_few_accesses_and_keys_that_never_come_back_are_told(tmp_path: Path) -> None:
    for name, accesses, keys in (("few", 60, 7), ("once", 300, 10**6)):
        run = open_run(worked(tmp_path / name, accesses, keys))
        assert curves_of(run.frames, run.config) is None
        assert "Too few accesses, or no key wanted twice" in run.report(tmp_path / "r.html").read_text()
