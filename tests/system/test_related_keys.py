"""Related keys: a list of an ordinary length is recorded whole, wherever it comes from."""

from __future__ import annotations

import json

from perflab import Config, PerformanceSystem
from perflab.parallel import Workers

QUIET = {"resource_monitoring": {"enabled": False}, "enable_auto_optimization": False, "parallel": {"workers": 1}}


def test_json_of_an_ordinary_length_is_not_cut_on_any_way() -> None:
    keys = [f"templates/product/{number:04d}.html" for number in range(200)]
    with Workers(2) as workers, PerformanceSystem(Config(**QUIET)) as system:

        def work(_: int) -> None:
            system.record_operation("there", 0.1, related_keys=keys)

        system.record_operation("here", 0.1, related_keys=keys)
        system.record_operation("long", 0.1, related_keys=keys * 100)
        list(workers.map(work, [0]))
        found = system.frames.operations.astype({"name": str}).set_index("name")["related_keys"].map(json.loads)
    assert found["here"] == found["there"] == keys
    assert found["long"].startswith('["templates/product/0000.html"')
