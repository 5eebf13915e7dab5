"""From rows of samples to comparisons."""

from __future__ import annotations

import math

from perflab.bench import Arm, Bench
from perflab.bench.compare import compare_arms, samples_frame
from perflab.record import columns

BASELINE = Arm("baseline", "json:dumps")
COLD = Arm("optimized", "json:dumps", state="cold")
WARM = Arm("optimized", "json:dumps", state="warm", clock="cpu")


def row(arm, pair, wall, cpu=1.0, **more):
    named = {"workload": "test", "arm": arm.name, "state": arm.state, "workers": arm.workers, "pair": pair}
    return {**named, "purpose": "time", "wall_s": wall, "cpu_s": cpu, "error": None, "output_digest": "x", **more}


def rows():
    for pair in range(8):
        yield row(BASELINE, pair, 2.0 + pair, cpu=4.0)
        yield row(COLD, pair, 1.0 + pair / 2)
        yield row(WARM, pair, 100.0, cpu=1.0)


def test_every_arm_is_compared_with_the_first_on_its_own_clock():
    cold, warm = compare_arms([BASELINE, COLD, WARM], rows())
    assert (cold.arm, warm.arm) == (COLD, WARM)
    assert math.isclose(cold.comparison.ratio, 0.5)
    assert math.isclose(warm.comparison.ratio, 0.25)


def test_warm_ups_failures_and_memory_runs_do_not_count():
    useless = [
        row(COLD, -1, 50.0),
        row(COLD, 0, None, error="ValueError: no"),
        row(COLD, 0, 50.0, purpose="memory"),
    ]
    (cold,) = compare_arms([BASELINE, COLD], [*rows(), *useless])
    assert math.isclose(cold.comparison.high, 0.5)


def test_the_frames_have_a_row_a_sample_and_a_row_an_arm():
    kept = tuple(rows())
    bench = Bench("test", 1, (BASELINE, COLD, WARM), kept, compare_arms([BASELINE, COLD, WARM], kept))
    assert list(bench.samples().columns) == [column.name for column in columns("samples")][2:]
    assert len(bench.samples()) == 24
    assert bench.samples()["outlier"].dtype == "boolean"
    assert list(bench.frame()["state"]) == ["cold", "warm"]
    assert list(bench.frame()["verdict"]) == ["faster", "faster"]


def test_outputs_that_were_not_compared_are_said_so():
    edited = Arm("optimized", "json:dumps", state="incremental", inputs="edited")
    arms = [BASELINE, COLD, WARM, edited]
    kept = [*rows(), *(row(edited, pair, 1.0) for pair in range(8))]
    kept[-9] = {**kept[-9], "output_digest": None}
    assert kept[-9]["state"] == "warm"
    found = Bench("test", 1, tuple(arms), tuple(kept), compare_arms(arms, kept)).frame()
    assert list(found["outputs"]) == ["equal", "not comparable", "not comparable"]
    assert found["note"][0].endswith("outputs equal")
    assert "not made of plain values" in found["note"][1]
    assert "other inputs" in found["note"][2]
    baseline_unknown = [{**one, "output_digest": None} if one["arm"] == "baseline" else one for one in rows()]
    assert {one.outputs for one in compare_arms(arms[:3], baseline_unknown)} == {"not comparable"}


def test_missing_columns_of_rows_are_missing_values():
    frame = samples_frame([{"workload": "test", "pair": 0}])
    assert frame["peak_bytes"].isna().all()
    assert frame["pair"].dtype == "Int64"
