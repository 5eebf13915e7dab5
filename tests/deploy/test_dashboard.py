"""The dashboard asks for what perflab exports, in expressions that Prometheus understands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from perflab import Config, PerformanceSystem, open_run
from perflab.present.prometheus import exposition

DASHBOARD: dict[str, Any] = json.loads(files("perflab.deploy").joinpath("grafana-dashboard.json").read_text("utf-8"))


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of the samples of a run that did a little of everything, with their labels."""
    folder = tmp_path_factory.mktemp("run") / "run"
    quick = Config(resource_monitoring={"interval_s": 0.02, "memory_threshold_bytes": 1})
    with PerformanceSystem(quick, run_dir=folder, label="demo") as system:
        for number in range(60):
            with system.operation("render"):
                system.cache.get_or_load(number % 7, lambda: bytes(100_000))
        while len(system.frames.resources) < 3:
            time.sleep(0.02)
        system.optimize()
    text = exposition(open_run(folder).report_data())
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_every_metric_and_label_that_is_asked_for_is_exported(
    exported: dict[str, set[str]], title: str, expression: str
) -> None:
    names = re.findall(r"\bperflab_\w+", expression)
    assert names, title
    assert set(names) <= set(exported)
    asked = {label for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(", ")}
    asked |= set(re.findall(r"(\w+)=~?\"", expression))
    known = set().union(*(exported[name] for name in names))
    assert asked <= known | {"instance"}  # Prometheus adds the instance


def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    program = shutil.which("promtool") or pytest.skip("promtool is not installed")
    rules = [
        {"record": f"test:panel_{number}", "expr": expression.replace("$instance", ".*")}
        for number, (_, expression) in enumerate(expressions())
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [program, "check", "rules", tmp_path / "rules.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
