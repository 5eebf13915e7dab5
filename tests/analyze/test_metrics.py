"""Metrics against frames that were counted by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from perflab.analyze.metrics import cache, concurrency, cpu, elapsed, memory, metrics, optimization
from perflab.analyze.metrics.accesses import greatest_bytes
from perflab.analyze.metrics.concurrency import greatest_overlap
from perflab.analyze.metrics.optimization import parallel_efficiency
from perflab.record import Recorder, columns

DTYPES = {"int": "Int64", "float": "float64", "bool": "boolean", "time": "datetime64[us, UTC]"}
START = pd.Timestamp("2026-01-01", tz="UTC")


def frame(name, rows=()):
    described = columns(name)
    made = pd.DataFrame(list(rows)).reindex(columns=[column.name for column in described])
    return made.astype({c.name: DTYPES.get(c.dtype, object) for c in described})


def sample(arm, state, pair, wall=None, **more):
    row = {"workload": "document-creation", "arm": arm, "state": state, "pair": pair, "wall_s": wall}
    return {"purpose": "time", **row, **more}


def timed(n=6, **more):
    for pair in range(n):
        yield sample("baseline", "any", pair, 20.0 + pair, **more)
        yield sample("optimized", "cold", pair, 5.0 + pair / 4, arm_run_id=f"cold-{pair}", **more)
        yield sample("optimized", "warm", pair, 2.0 + pair / 10, arm_run_id=f"warm-{pair}", **more)


def named(rows):
    return {row.name: row for row in rows}


def access(run, event, tier=None, key="k", nbytes=None, duration_s=None, at=0):
    moment = START + pd.Timedelta(at, "s")
    values = {"run_id": run, "event": event, "tier": tier, "key": key, "nbytes": nbytes, "duration_s": duration_s}
    return {"t": moment, **values}


def operation(start, stop, ok=True, number=None, parent=None, run="r"):
    moment = START + pd.Timedelta(stop, "s")
    return {
        "run_id": run,
        "t": moment,
        "duration_s": float(stop - start),
        "ok": ok,
        "operation_id": number,
        "parent_id": parent,
    }


def test_times_and_reductions_of_each_state():
    found = named(elapsed(frame("samples", timed())))
    assert found["document_creation.time_naive"].value == 22.5
    assert found["document_creation.time"].value == 5.625
    assert (found["document_creation.time"].low, found["document_creation.time"].high) == (5.0, 6.25)
    assert found["document_creation.time_reduction"].value == pytest.approx(0.75)
    assert found["document_creation.time_reduction"].high == pytest.approx(0.75)
    assert found["document_creation.warm.time"].value == 2.25
    assert found["document_creation.warm.time_reduction"].value == pytest.approx(0.9)
    assert found["cross_validation.time"].how == "unavailable"
    assert "cross-validation" in found["cross_validation.time"].method


def test_warm_ups_and_failures_are_left_out():
    useless = [
        sample("baseline", "any", -1, 999.0),
        sample("optimized", "cold", 6, 999.0, error="ValueError: no"),
    ]
    found = named(elapsed(frame("samples", [*timed(), *useless])))
    assert found["document_creation.time"].n == 6
    assert found["document_creation.time"].high == 6.25


def test_few_pairs_have_a_value_without_bounds():
    found = named(elapsed(frame("samples", timed(3))))["document_creation.time_reduction"]
    assert found.value == pytest.approx(0.75)
    assert math.isnan(found.low)
    assert "too few" in found.method


def test_peaks_and_their_reduction():
    rows = [
        sample(arm, state, pair, purpose="memory", growth_bytes=size + pair, workload=workload)
        for workload, naive, optimized in (("document-creation", 200, 100), ("cross-validation", 80, 110))
        for arm, state, size in (("baseline", "any", naive), ("optimized", "cold", optimized))
        for pair in range(3)
    ]
    found = named(memory(frame("samples", rows), frame("resources")))
    assert found["document_creation.memory_peak_naive"].value == 201
    assert found["cross_validation.memory_peak_optimized"].value == 111
    assert found["memory.peak_naive"].value == 201
    assert found["memory.peak_optimized"].value == 111
    assert found["memory.reduction"].value == pytest.approx(1 - 111 / 201)
    assert (found["memory.peak_naive"].low, found["memory.peak_naive"].high) == (200, 202)
    assert "not a 95 % interval" in found["memory.reduction"].method
    peak, optimized = found["memory.peak"], found["memory.peak_optimized"]
    assert (peak.value, peak.low, peak.high) == (optimized.value, optimized.low, optimized.high) == (111, 110, 112)
    assert "VmHWM" in peak.method
    assert found["memory.current"].how == "unavailable"


def test_memory_runs_without_a_figure_are_not_zero():
    rows = [sample(arm, "cold", 0, purpose="memory") for arm in ("baseline", "optimized")]
    resources = frame("resources", [resource(1, 40, 0.2, "cold-0")])
    found = named(memory(frame("samples", [*timed(), *rows]), resources))
    assert {found[f"memory.{name}"].how for name in ("peak_optimized", "peak_naive", "reduction")} == {"unavailable"}
    assert found["memory.peak"].value == 40
    assert math.isnan(found["memory.peak"].high)


def resource(at, growth, used, run="live"):
    return {"run_id": run, "t": START + pd.Timedelta(at, "s"), "growth_bytes": growth, "process_cpu_ratio": used}


def test_a_live_systems_resources_count_whole():
    resources = frame("resources", [resource(2, 30, 0.3), resource(0, 10, None), resource(1, 50, 0.6)])
    found = named([*memory(frame("samples"), resources), *cpu(resources, frame("samples"))])
    values = {name: row.value for name, row in found.items() if name.startswith(("memory.", "cpu."))}
    assert (values["memory.current"], values["memory.peak"], values["memory.average"]) == (30, 50, 35)
    assert (values["cpu.current"], values["cpu.peak"]) == (0.3, 0.6)
    assert values["cpu.average"] == pytest.approx(0.45)
    assert (found["memory.current"].low, found["memory.current"].high) == (30, 30)
    assert "whole run" in found["memory.current"].method


def test_a_sampled_peak_is_a_lower_bound():
    resources = frame("resources", [resource(0, 10, None), resource(1, 50, 0.6)])
    peak = named(memory(frame("samples"), resources))["memory.peak"]
    assert (peak.value, peak.low) == (50, 50)
    assert math.isnan(peak.high)
    assert "lower bound" in peak.method


def test_averages_are_weighted_by_time():
    rows = [resource(0, 0, None), resource(4, 100, 0.9), resource(4.1, 100, 0.0), resource(4.2, 100, 0.0)]
    found = [*memory(frame("samples"), frame("resources", rows)), *cpu(frame("resources", rows), frame("samples"))]
    assert named(found)["memory.average"].value == pytest.approx((4 * 50 + 0.2 * 100) / 4.2)
    assert named(found)["cpu.average"].value == pytest.approx(0.9 * 4 / 4.2)


def test_the_monitors_figures_are_medians_over_the_runs_of_the_real_optimized_arm():
    samples = frame("samples", [row for n in (1, 2) for row in workers_samples(n)])
    rows = [
        resource(at, 100 * workers + 10 * pair + at, workers / 4 if at else None, f"{state}-{workers}-{pair}")
        for pair in range(6)
        for workers in (1, 2)
        for state in ("cold", "warm")
        for at in (0, 2)
    ]
    resources = frame("resources", rows)
    found = named([*memory(samples, resources), *cpu(resources, samples)])
    current, average = found["memory.current"], found["memory.average"]
    assert (current.value, current.low, current.high, current.n) == (227, 202, 252, 6)
    assert average.value == 226
    assert found["memory.peak"].low == 252
    assert (found["cpu.current"].value, found["cpu.average"].value, found["cpu.peak"].value) == (0.5, 0.5, 0.5)
    assert all("cold runs with 2 workers" in found[name].method for name in ("memory.average", "cpu.average"))


def workers_samples(workers):
    for pair in range(6):
        yield sample("baseline", "any", pair, 20.0)
        for state in ("cold", "warm"):
            run = f"{state}-{workers}-{pair}"
            yield sample("optimized", state, pair, 5.0, arm_run_id=run, workers=workers)


def test_with_a_benchmark_only_the_optimized_runs_resources_count():
    resources = frame("resources", [resource(0, 999, 0.9, "naive"), resource(1, 40, 0.2, "cold-0")])
    found = named(memory(frame("samples", timed()), resources))
    assert found["memory.peak"].value == 40
    assert math.isnan(found["memory.current"].low)  # one run
    assert named(cpu(resources, frame("samples", timed())))["cpu.peak"].value == 0.2


def test_only_hits_and_misses_are_accesses():
    rows = [access("live", event) for event in ["hit"] * 8 + ["miss"] * 2 + ["prefetch", "warm", "load", "set"] * 5]
    rows += [access("live", "evict")]
    found = named(cache(frame("accesses", rows), frame("samples")))
    assert found["cache.hit_rate"].value == 0.8
    assert found["cache.miss_rate"].value == pytest.approx(0.2)
    assert found["cache.eviction_rate"].value == 0.1
    assert found["cache.hit_rate"].n == 10
    assert "Wilson" in found["cache.hit_rate"].method
    assert found["cache.access_time_mean"].how == "unavailable"
    assert found["cache.memory"].how == "unavailable"


def test_the_hit_rate_is_that_of_the_warm_runs_and_each_state_has_its_own():
    rows = [access("cold-0", "miss")] * 9 + [access("cold-0", "hit")]
    rows += [access(f"warm-{pair}", "hit") for pair in range(6) for _ in range(9)]
    rows += [access("warm-5", "miss"), access("a benchmark's own process", "miss")]
    found = named(cache(frame("accesses", rows), frame("samples", timed())))
    assert found["cache.hit_rate"].value == 54 / 55
    assert found["cache.warm.hit_rate"].value == 54 / 55
    assert found["cache.cold.hit_rate"].value == 0.1
    assert "bootstrap percentile interval over runs" in found["cache.hit_rate"].method
    assert "warm runs: unchanged input" in found["cache.hit_rate"].method


def cached(name, n_hits, seconds):
    """Return samples and accesses of a workload whose six warm runs all hit so often, cold ones never."""
    samples = [
        sample("optimized", state, pair, 1.0, workload=name, arm_run_id=f"{name}-{state}-{pair}")
        for pair in range(6)
        for state in ("cold", "warm")
    ]
    warm = [
        access(f"{name}-warm-{pair}", "hit", duration_s=seconds * (1 + pair / 100))
        for pair in range(6)
        for _ in range(n_hits)
    ]
    return samples, warm + [access(f"{name}-cold-{pair}", "miss", duration_s=seconds) for pair in range(6)]


def test_runs_are_resampled_within_each_workload_and_each_workload_has_its_own_rows():
    made = [cached("document-creation", 40, 0.05), cached("cross-validation", 40, 0.001)]
    samples, rows = ([row for part in parts for row in part] for parts in zip(*made, strict=True))
    found = named(cache(frame("accesses", rows), frame("samples", samples)))
    mean, p95 = found["cache.access_time_mean"], found["cache.access_time_p95"]
    assert mean.value == pytest.approx((0.05 + 0.001) / 2 * 1.025)
    assert mean.value - 0.001 < mean.low < mean.value < mean.high < mean.value + 0.001
    assert 0.05 < p95.low <= p95.value <= p95.high <= 0.05 * 1.05
    hit_rate = found["cache.hit_rate"]
    assert (hit_rate.value, hit_rate.high) == (1.0, 1.0)
    assert hit_rate.low == pytest.approx(40 / (40 + 1.96**2), abs=1e-4)  # Wilson's for all of 40
    assert found["document_creation.cache.access_time_mean"].value == pytest.approx(0.05 * 1.025)
    assert found["cross_validation.cache.access_time_mean"].high < 0.0011
    assert found["cross_validation.cache.hit_rate"].n == 240
    assert found["cross_validation.cache.cold.hit_rate"].value == 0.0
    assert "cold runs: empty cache" in found["cache.cold.hit_rate"].method


def test_access_times_are_of_accesses():
    rows = [access("live", "hit", duration_s=float(n)) for n in range(1, 101)]
    rows += [access("live", "load", duration_s=1e6)]
    found = named(cache(frame("accesses", rows), frame("samples")))
    assert found["cache.access_time_mean"].value == 50.5
    assert found["cache.access_time_p95"].value == 95.0
    for name in ("mean", "p95"):  # accesses of one run are no sample of runs
        assert math.isnan(found[f"cache.access_time_{name}"].low)
        assert "too few runs" in found[f"cache.access_time_{name}"].method


def test_access_times_are_unknown_if_a_kind_of_access_was_never_timed():
    rows = [access("live", "hit", "l1", duration_s=1.0), access("live", "miss")]
    found = named(cache(frame("accesses", rows), frame("samples")))
    assert math.isnan(found["cache.access_time_mean"].value)


def test_few_timed_hits_stand_for_all_hits():
    rows = [access("live", "hit", "l1", duration_s=1.0 if n < 2 else None) for n in range(60)]
    rows += [access("live", "miss", duration_s=4.0) for _ in range(20)]
    found = named(cache(frame("accesses", rows), frame("samples")))
    assert found["cache.access_time_mean"].value == pytest.approx((16 * 1.0 + 6 * 4.0) / 22)
    assert "22 of 80 accesses were timed" in found["cache.access_time_mean"].method


def test_memory_of_the_cache_is_replayed_for_each_run():
    rows = [
        access("live", "set", "l1", "a", 50, at=0),
        access("live", "set", "l3", "a", 9000, at=1),
        access("live", "set", "l1", "b", 30, at=2),
        access("live", "evict", "l1", "a", 50, at=3),
        access("live", "set", "l1", "c", 40, at=4),
        access("live", "hit", "l1", "c", 40, at=5),
        access("another", "set", "l1", "d", 60, at=2),
    ]
    found = named(cache(frame("accesses", reversed(rows)), frame("samples")))["cache.memory"]
    assert found.value == 80
    assert found.how == "estimated"


def test_moves_between_tiers_keep_one_copy():
    moved = [("set", "l1", "a", 5), ("demote", "l2", "a", 5), ("promote", "l1", "a", 5), ("set", "l1", "a", 7)]
    assert greatest_bytes(moved) == 7


def test_no_accesses_is_no_hit_rate():
    found = named(cache(frame("accesses", [access("live", "set")]), frame("samples")))
    assert {row.how for row in found.values()} == {"unavailable"}
    assert all(math.isnan(row.value) for row in found.values())


def test_the_greatest_overlap_counts_successful_operations():
    rows = [operation(0, 10), operation(1, 5), operation(2, 4), operation(4, 6), operation(3, 9, ok=False)]
    found = named(concurrency(frame("operations", rows), frame("samples")))
    assert found["concurrency.operations"].value == 3  # at 2..4 the first three, at 4..5 the first two and the fourth
    assert found["concurrency.errors"].value == 1


def test_an_enclosing_operation_does_not_count_beside_its_parts():
    rows = [
        operation(0, 10, number=1),
        operation(1, 5, number=2, parent=1),
        operation(2, 6, number=3, parent=1),
        operation(20, 21, number=1),  # another worker's first operation, parent of nothing
        operation(20, 22, number=7),
    ]
    assert named(concurrency(frame("operations", rows), frame("samples")))["concurrency.operations"].value == 2


def test_runs_do_not_overlap_each_other():
    rows = [operation(0, 10, run="a"), operation(0, 10, run="b")]
    assert named(concurrency(frame("operations", rows), frame("samples")))["concurrency.operations"].value == 1


def test_the_sweep_agrees_with_counting_at_every_moment():
    import numpy as np

    rng = np.random.default_rng(1)
    starts = rng.integers(0, 100, 60)
    stops = starts + rng.integers(1, 20, 60)
    by_counting = max(int(((starts <= moment) & (moment < stops)).sum()) for moment in range(120))
    assert greatest_overlap(starts, stops) == by_counting


def efficiency_samples():
    for pair in range(6):
        yield sample("baseline", "any", pair, 20.0)
        yield sample("optimized", "cold", pair, 6.0, workers=4)
        yield sample("optimized", "cold", pair, 9.0, workers=1)


def test_parallel_efficiency_divides_by_the_cores_that_can_work():
    samples = frame("samples", efficiency_samples())
    (found,) = parallel_efficiency(samples, cores=2)
    assert found.value == pytest.approx(9 / (2 * 6))
    assert found.low == pytest.approx(0.75)
    (found,) = parallel_efficiency(samples, cores=8)
    assert found.value == pytest.approx(9 / (4 * 6))
    assert parallel_efficiency(samples, cores=None)[0].how == "unavailable"
    assert parallel_efficiency(frame("samples", timed()), cores=2)[0].how == "unavailable"


def test_the_one_worker_arm_is_not_the_optimized_time():
    assert named(elapsed(frame("samples", efficiency_samples())))["document_creation.time"].value == 6.0


def test_reductions_over_all_workloads_are_of_the_sums():
    rows = [
        sample(arm, state, pair, seconds, workload=workload)
        for workload, naive, fast in (("document-creation", 20.0, 10.0), ("cross-validation", 60.0, 6.0))
        for arm, state, seconds in (("baseline", "any", naive), ("optimized", "cold", fast))
        for pair in range(6)
    ]
    samples = frame("samples", rows)
    hit_rate = named(cache(frame("accesses", [access("live", "hit")]), frame("samples")))["cache.hit_rate"]
    found = named(optimization(samples, hit_rate, cores=2))
    assert found["optimization.time_reduction"].value == pytest.approx(1 - 16 / 80)
    assert found["optimization.cache_hit_rate"].value == 1.0
    assert found["optimization.memory_reduction"].how == "unavailable"


def test_the_metrics_frame_has_unique_names_and_a_reason_for_each_gap():
    frames = SimpleNamespace(
        samples=frame("samples", timed()),
        accesses=frame("accesses"),
        operations=frame("operations"),
        resources=frame("resources"),
    )
    found = metrics(frames, cores=2)
    assert list(found.columns) == ["name", "value", "low", "high", "unit", "how", "method", "n"]
    assert found["name"].is_unique
    gaps = found[found["how"] == "unavailable"]
    assert gaps["value"].isna().all()
    assert (gaps["method"].str.len() > 10).all()
    assert set(found["unit"]) <= {"s", "bytes", "ratio", "count"}


def test_a_recorders_own_frames_are_understood():
    recorder = Recorder()
    for row in timed():
        recorder.add("samples", **row)
    with recorder.operation("outer"), recorder.operation("inner"):
        recorder.access("k", "hit", "l1", 3, 0.001)
    recorder.add("resources", growth_bytes=5, process_cpu_ratio=0.5)
    found = metrics(recorder.frames, cores=2).set_index("name")
    assert found["value"]["document_creation.time"] == 5.625
    assert found["how"]["cache.hit_rate"] == "unavailable"  # these rows are of no optimized run
    alone = Recorder()
    with alone.operation("outer"), alone.operation("inner"):
        alone.access("k", "hit", "l1", 3, 0.001)
    live = metrics(alone.frames).set_index("name")
    assert live["value"]["concurrency.operations"] == 1
    assert live["value"]["cache.hit_rate"] == 1.0


def test_what_others_took_stands_beside_the_parallel_efficiency():
    rows = [
        sample("optimized", "cold", pair, seconds, workers=workers, others_cpu_ratio=0.4)
        for pair in range(6)
        for workers, seconds in ((1, 4.0), (2, 2.5))
    ]
    (found,) = parallel_efficiency(frame("samples", rows), 2)
    assert found.value == pytest.approx(0.8)
    assert "while other programs took 40% of all cores" in found.method
