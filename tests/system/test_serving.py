"""Metrics over HTTP: what a scrape gets, what it costs, and a real Prometheus server that collects them."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from perflab import Config, PerformanceSystem
from perflab.errors import PerflabError
from perflab.present.families import families
from perflab.system.serving import MetricsServer, Snapshots

SMALL = Config(enable_auto_optimization=False, resource_monitoring={"interval_s": 0.1})


@pytest.fixture
def system() -> Iterator[PerformanceSystem]:
    with PerformanceSystem(SMALL) as made:
        yield made


def work(system: PerformanceSystem) -> None:
    with system.operation("parse", key="a.py"):
        for number in range(20):
            system.cache.get_or_load(number % 5, lambda: "text")


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - this test's own server
        return str(answer.read().decode())


def test_a_scrape_tells_what_the_frames_count(system: PerformanceSystem) -> None:
    work(system)
    server = system.serve_metrics()
    families = {family.name: family for family in text_string_to_metric_families(read(server.url))}
    events = {(s.labels["event"], s.labels["tier"]): s.value for s in families["perflab_cache_events"].samples}
    counted = system.frames.accesses.groupby(["event", "tier"], observed=True, dropna=False).size()
    assert events[("hit", "l1")] == counted[("hit", "l1")] == 15
    assert sum(events.values()) == counted.sum()
    assert families["perflab_cache_hit_ratio"].samples[0].value == pytest.approx(15 / 20)


def test_it_listens_on_this_machine_alone_and_ends_with_the_system() -> None:
    with PerformanceSystem(SMALL) as made:
        server = made.serve_metrics()
        assert server.host == "127.0.0.1"
        assert "perflab_run_info" in read(server.url)
    with pytest.raises(OSError, match=r"refused"):
        read(server.url)


def test_a_taken_port_is_one_sentence(system: PerformanceSystem) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PerflabError, match=rf"127\.0\.0\.1:{port}: .* choose another port"):
            system.serve_metrics(port)
    for wrong in (70_000, -1):
        with pytest.raises(PerflabError, match="choose another port"):
            system.serve_metrics(wrong)
    with pytest.raises(PerflabError, match="cannot be served"):
        system.serve_metrics(host="203.0.113.7")


def test_frequent_scrapes_count_the_frames_no_more_than_a_twentieth_of_the_time(system: PerformanceSystem) -> None:
    now, counted = [0.0], []

    def run() -> Any:
        counted.append(now[0])
        now[0] += 3.0  # what it takes
        return system.run

    snapshots = Snapshots(run, clock=lambda: now[0])
    for _ in range(1_000):
        snapshots()
        now[0] += 0.25
    assert len(counted) * 3.0 <= 0.06 * now[0]
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(counted))


def test_a_failing_count_fails_the_scrape_and_not_the_server() -> None:
    answers: list[Any] = [ZeroDivisionError("no frames"), []]

    def snapshots() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = MetricsServer(snapshots)
    try:
        with pytest.raises(urllib.error.HTTPError):
            read(server.url)
        assert read(server.url) == ""
    finally:
        server.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's package prometheus")
def test_a_real_prometheus_collects_every_metric(system: PerformanceSystem, tmp_path: Path) -> None:
    work(system)
    time.sleep(0.3)  # two samples of the monitor, so that shares are known
    server, port = system.serve_metrics(), free_port()
    told = {sample.name for family in text_string_to_metric_families(read(server.url)) for sample in family.samples}
    settings = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "perflab", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(settings))  # JSON is YAML
    command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
               f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
        try:
            collected = collected_names(port, told, until=time.monotonic() + 60)
        finally:
            prometheus.terminate()
    assert len(told) > 30
    assert told <= collected


def collected_names(port: int, wanted: set[str], until: float) -> set[str]:
    """Return the names of all series, once the wanted ones are among them, or what there is in the end."""
    found: set[str] = set()
    while not wanted <= found and time.monotonic() < until:
        try:
            answer = json.loads(read(f"http://127.0.0.1:{port}/api/v1/label/__name__/values"))
        except OSError:
            answer = {"data": []}
        found = set(answer["data"])
        time.sleep(0.2)
    return found


def test_opentelemetry_observes_the_same_values(system: PerformanceSystem) -> None:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from perflab.system.telemetry import observe

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    told = families(system.run.report_data())
    observe(lambda: told, provider.get_meter("perflab"))
    work(system)
    told[:] = families(system.run.report_data())
    found = {
        metric.name: {tuple(sorted(point.attributes.items())): point.value for point in metric.data.data_points}
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert found["perflab.cache.events"][(("event", "hit"), ("tier", "l1"))] == 15
    assert found["perflab.operation.duration.count"] == {(("operation", "parse"),): 1}
    assert found["perflab.cache.hit_ratio"] == {(): pytest.approx(0.75)}
    provider.shutdown()
