"""`perflab benchmark` ends with the code of its verdicts; only the measuring itself is replaced, by known rows.

Codes 2, 130 and 143 are shown in `test_commands.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perflab import open_run
from perflab.bench import Bench
from perflab.cli.app import app
from perflab.record import FRAMES, Recorder

NAIVE_S = 8.0
BLOCKS = 6  # the fewest that have an exact interval of 95 %
FAST, BARELY, SLOW = (2.0,) * BLOCKS, (2.0, 2.0, 2.0, 2.0, 2.0, 5.0), (5.0,) * BLOCKS
SMALL, LARGE = 30_000_000, 120_000_000


class Measured:
    """Stands for measuring the built-in workloads: records known samples and what their arms would have recorded.

    `cold_s` is the optimized arm's time in each block, against 8 s of the baseline's; `peak_bytes` its memory.
    """

    def __init__(self, cold_s: Sequence[float], peak_bytes: int) -> None:
        self.cold_s = cold_s
        self.peak_bytes = peak_bytes

    def __call__(self, names: Sequence[str], *, recorder: Recorder, **_: object) -> list[Bench]:
        (workload,) = names
        for block, cold_s in enumerate(self.cold_s):
            common = {"workload": workload, "pair": block}
            recorder.add("samples", **common, arm="baseline", state="any", purpose="time", wall_s=NAIVE_S)
            for state, workers, wall_s in (("cold", 2, cold_s), ("cold", 1, 2 * cold_s), ("warm", 2, 1.0)):
                optimized = {"arm": "optimized", "state": state, "workers": workers, "arm_run_id": _recorded(recorder)}
                recorder.add("samples", **common, **optimized, purpose="time", wall_s=wall_s)
            for arm, state, growth in (("baseline", "any", 90_000_000), ("optimized", "cold", self.peak_bytes)):
                recorder.add("samples", **common, arm=arm, state=state, purpose="memory", growth_bytes=growth)
        return []


def _recorded(recorder: Recorder) -> str:
    """Take home an arm's run in which every access hits, eight operations overlap, and little is used."""
    arm = Recorder()
    arm.access("page", "set", "l1", nbytes=1000)
    for _ in range(100):
        arm.access("page", "hit", "l1", duration_s=1e-5)
    for _ in range(8):
        arm.record_operation("render", duration_s=10.0)
    for _ in range(3):
        arm.add("resources", growth_bytes=20_000_000, process_cpu_ratio=0.5)
    recorder.absorb({frame: arm.rows(frame) for frame in FRAMES})
    return arm.run_id


@pytest.mark.parametrize(
    ("cold_s", "peak_bytes", "verdicts", "code"),
    [
        pytest.param(FAST, SMALL, {"pass"}, 0, id="all pass"),
        pytest.param(BARELY, SMALL, {"pass", "unclear"}, 3, id="some are unclear"),
        pytest.param(SLOW, SMALL, {"pass", "fail"}, 1, id="some fail"),
        pytest.param(BARELY, LARGE, {"pass", "unclear", "fail"}, 1, id="some fail and some are unclear"),
    ],
)
def test_the_verdicts_are_the_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cold_s: Sequence[float],
    peak_bytes: int,
    verdicts: set[str],
    code: int,
) -> None:
    monkeypatch.setattr("perflab.system.measure.run_workloads", Measured(cold_s, peak_bytes))
    runs = tmp_path / "runs"
    (tmp_path / "shop.py").write_text('"""A shop."""\n')
    folders = ["--source", str(tmp_path), "--runs", str(runs), "--report", str(tmp_path / "report.json")]
    result = CliRunner().invoke(app, ["benchmark", "--workload", "document-creation", *folders])
    (run,) = runs.iterdir()
    assert set(open_run(run).targets()["verdict"]) == verdicts
    assert all(verdict in result.output for verdict in verdicts)
    assert result.exit_code == code
