"""The files of a deployment: linted, loaded, and held against what perflab exports."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from perflab import Config
from perflab.config.load import ALIASES

DEPLOY = Path(str(files("perflab.deploy")))
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
GUIDE_VARIABLES = {"PERFLAB_AUTO_OPTIMIZE": "true", "PERFLAB_CACHE_SIZE": "100MB", "PERFLAB_PARALLEL_OPS": "8"}


def needs(program: str) -> str:
    """The path of a program; the test is skipped, by its name, where it is missing."""
    found = shutil.which(program) or shutil.which(program, path=str(BIN))
    return found or pytest.skip(f"{program} is not installed")


def settings() -> dict[str, Any]:
    return tomllib.loads((DEPLOY / "perflab.toml").read_text("utf-8"))


def test_the_production_settings_are_those_of_the_guide() -> None:
    config = Config.load(DEPLOY / "perflab.toml", environ={})
    assert config.enable_auto_optimization
    schedule, monitoring = config.optimization_schedule, config.resource_monitoring
    assert (schedule.enabled, schedule.interval_s) == (True, 600)
    assert schedule.triggers == ("memory_pressure", "cache_miss")
    assert (monitoring.enabled, monitoring.interval_s) == (True, 5)
    assert (monitoring.memory_threshold_bytes, monitoring.cpu_threshold_ratio) == (200 * 1024 * 1024, 0.8)


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml"])
def test_what_lies_at_the_top_of_the_tree_is_what_is_installed(name: str) -> None:
    assert (ROOT / name).resolve() == (DEPLOY / name).resolve()


def test_the_dockerfile_has_no_finding() -> None:
    done = subprocess.run([needs("hadolint"), DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_sees_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text((DEPLOY / "Dockerfile").read_text().replace("-slim-bookworm", ""))
    spoilt = (tmp_path / "Dockerfile").read_text() + "RUN cd /tmp && apt-get install nothing\n"
    (tmp_path / "Dockerfile").write_text(spoilt)
    done = subprocess.run([needs("hadolint"), tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 1


def test_the_image_runs_as_a_user_of_its_own_with_the_variables_of_the_guide_and_a_health_check() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    last_stage = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 1000$", last_stage, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK [^\n]*\\\n *CMD .*\bperflab status ", last_stage, re.MULTILINE)
    for name, value in GUIDE_VARIABLES.items():
        assert name in ALIASES
        assert f"{name}={value}" in last_stage
        assert f"Environment={name}={value}" in (DEPLOY / "perflab.service").read_text("utf-8")
    config = Config.load(environ=GUIDE_VARIABLES)
    assert (config.enable_auto_optimization, config.cache_targets.max_memory_bytes) == (True, 100_000_000)
    assert config.max_parallel_operations == 8


def test_compose_declares_what_its_services_use_and_opens_no_port_to_others() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    assert set(compose["services"]) == {"lab", "prometheus"}
    for service in compose["services"].values():
        assert all(volume.partition(":")[0] in compose["volumes"] for volume in service["volumes"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert all(use["source"] in compose["configs"] for use in service.get("configs", ()))


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    (tmp_path / "prometheus.yml").write_text(compose["configs"]["prometheus"]["content"])
    command = [needs("promtool"), "check", "config", tmp_path / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = needs("systemd-analyze")
    text = (DEPLOY / "perflab.service").read_text("utf-8")
    for name in re.findall(r"^ExecStart(?:Pre)?=/opt/perflab/bin/(\w+)", text, re.MULTILINE):
        assert (BIN / name).exists()
    (tmp_path / "perflab.service").write_text(re.sub(r"=/opt/perflab/bin/\w+", f"={sys.executable}", text))
    command = [program, "verify", "--man=no", tmp_path / "perflab.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    state = re.search(r"^StateDirectory=(\w+)$", text, re.MULTILINE)
    assert state
    assert settings()["record"]["runs_dir"] == f"/var/lib/{state[1]}/runs"


def test_every_file_is_written_by_deploy_and_says_what_it_is_for() -> None:
    names = {path.name for path in DEPLOY.iterdir() if path.is_file() and path.suffix != ".py"}
    assert names == {"Dockerfile", "compose.yaml", "grafana-dashboard.json", "perflab.service", "perflab.toml"}
    for name in names - {"grafana-dashboard.json"}:
        assert (DEPLOY / name).read_text("utf-8").startswith("#")
    assert json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))["description"]
