"""Alerts: on a fake clock rule by rule, over a real system, and over HTTP to a real server."""

from __future__ import annotations

import http.server
import json
import logging
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pytest

from perflab import Config, PerformanceSystem
from perflab.analyze.rule import parse_rule
from perflab.config import AlertSettings
from perflab.errors import ConfigError
from perflab.system.alerts import Alerts

RULE = "cache.hit_rate < 80% for 60 s, again after 300 s"


def metric(value: float, low: float = math.nan, high: float = math.nan, how: str = "measured") -> pd.DataFrame:
    row = {"name": "cache.hit_rate", "value": value, "low": low, "high": high, "unit": "ratio", "how": how}
    return pd.DataFrame([row])


class Looked:
    """Alerts over made-up metrics on a clock that goes on when it is told to."""

    def __init__(self, *rules: str, **settings: Any) -> None:
        self.now, self.found, self.told = 0.0, metric(0.9), list[dict[str, Any]]()
        self.posted: list[tuple[str, Mapping[str, Any]]] = []
        settings = {"rules": rules, **settings}
        self.alerts = Alerts(
            AlertSettings(**settings),
            lambda _: self.found,
            lambda name, **payload: self.told.append({"event": name, **payload}),
            clock=lambda: self.now,
            post=lambda *post: self.posted.append(post),
        )

    def at(self, seconds: float, found: pd.DataFrame) -> list[str]:
        """Look at a moment and return what was told at it."""
        before, self.now, self.found = len(self.told), seconds, found
        self.alerts.check()
        return [payload["state"] for payload in self.told[before:]]


def test_a_rule_is_told_once_it_has_held_for_its_time_and_once_when_it_ends() -> None:
    looked = Looked(RULE)
    assert looked.at(0, metric(0.5)) == []
    assert looked.at(59, metric(0.5)) == []
    assert looked.at(60, metric(0.5)) == ["firing"]
    assert looked.at(70, metric(0.5)) == []
    assert looked.at(80, metric(0.9)) == ["resolved"]
    assert looked.at(90, metric(0.9)) == []
    assert looked.told[0] == {"event": "alert", "what": "rule", "rule": RULE, "state": "firing",
                              "metric": "cache.hit_rate", "value": 0.5, "unit": "ratio"}  # fmt: skip


def test_a_break_begins_its_time_anew() -> None:
    looked = Looked(RULE)
    assert [*looked.at(0, metric(0.5)), *looked.at(50, metric(0.9)), *looked.at(60, metric(0.5))] == []
    assert looked.at(119, metric(0.5)) == []
    assert looked.at(120, metric(0.5)) == ["firing"]


def test_it_is_not_told_again_too_soon() -> None:
    looked = Looked("cache.hit_rate < 80%, again after 300 s")
    assert looked.at(0, metric(0.5)) == ["firing"]
    assert looked.at(10, metric(0.9)) == ["resolved"]
    assert looked.at(20, metric(0.5)) == []
    assert looked.alerts.frame()["state"].tolist() == ["pending"]
    assert looked.at(299, metric(0.5)) == []
    assert looked.at(300, metric(0.5)) == ["firing"]


def test_what_may_be_chance_is_not_told() -> None:
    looked = Looked("cache.hit_rate < 80%")
    assert looked.at(0, metric(0.7, 0.6, 0.85)) == []
    assert looked.at(1, metric(0.7, 0.65, 0.75)) == ["firing"]


def test_what_is_not_measured_neither_begins_nor_ends_an_alert() -> None:
    looked = Looked("cache.hit_rate < 80%")
    assert looked.at(0, metric(math.nan, how="unavailable")) == []
    assert looked.alerts.frame()["state"].tolist() == ["unavailable"]
    assert looked.at(1, metric(0.5)) == ["firing"]
    assert looked.at(2, metric(math.nan, how="unavailable")) == []
    assert looked.alerts.frame()["state"].tolist() == ["firing"]
    assert looked.at(3, metric(0.9)) == ["resolved"]


def test_a_bound_in_another_unit_is_warned_of_once_and_told_of_never() -> None:
    looked = Looked("cache.hit_rate < 5 s")
    with pytest.warns(RuntimeWarning, match="bounds cache.hit_rate in s, which is measured in ratio"):
        assert looked.at(0, metric(0.5)) == []
    assert looked.at(60, metric(0.5)) == []
    assert looked.alerts.frame()["state"].tolist() == ["unavailable"]


def test_alerts_are_logged_and_posted(caplog: pytest.LogCaptureFixture) -> None:
    looked = Looked("cache.hit_rate < 80%", webhook_url="http://127.0.0.1:1/hook")
    with caplog.at_level(logging.INFO, "perflab.alerts"):
        looked.at(0, metric(0.5))
        looked.at(1, metric(0.9))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "firing: cache.hit_rate < 80%"),
        ("INFO", "resolved: cache.hit_rate < 80%"),
    ]
    assert [(url, payload["state"]) for url, payload in looked.posted] == [
        ("http://127.0.0.1:1/hook", "firing"),
        ("http://127.0.0.1:1/hook", "resolved"),
    ]


def test_an_address_that_does_not_answer_warns_once_and_stops_no_rule() -> None:
    told: list[str] = []
    settings = AlertSettings(rules=("cache.hit_rate < 80%", "cache.hit_rate < 90%"), webhook_url="http://127.0.0.1:1/x")
    alerts = Alerts(settings, lambda _: metric(0.5), lambda _, **payload: told.append(payload["rule"]))
    with pytest.warns(RuntimeWarning, match=r"could not be posted to http://127\.0\.0\.1:1/…: <urlopen") as caught:
        alerts.check()
    assert len(caught) == 1
    assert told == ["cache.hit_rate < 80%", "cache.hit_rate < 90%"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("cache.hit_rate", "one of <=, >=, <, >"),
        ("cache.hit_rate < 80% for ever", "'for ever' in the rule .* is no duration"),
        ("cache.hit_rate < 80% for 5 MB", "is no duration"),
        ("cache.hit_rate < 80%, again after lunch", "'again after lunch'"),
        ("", "a metric's name"),
    ],
)
def test_a_rule_that_cannot_be_read_is_one_sentence(wrong: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_rule(wrong)
    with pytest.raises(ConfigError, match=message):
        PerformanceSystem(Config(alerts={"rules": [wrong]}))


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "http://", "nothing"])
def test_only_web_addresses_are_posted_to(url: str) -> None:
    with pytest.raises(ConfigError, match=r"alerts\.webhook_url"):
        Config(alerts={"webhook_url": url})


def test_a_system_at_work_tells_of_its_newest_metrics_to_listeners_and_a_server() -> None:
    received: list[dict[str, Any]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rules = {
        "rules": ["cache.hit_rate < 50%"],
        "interval_s": 0.05,
        "webhook_url": f"http://127.0.0.1:{server.server_port}/",
    }
    heard: list[Mapping[str, Any]] = []
    with PerformanceSystem(Config(alerts=rules, enable_auto_optimization=False)) as system:
        system.on("alert", heard.append)
        for number in range(200):
            system.cache.get(number)
        until = time.monotonic() + 20
        while not received and time.monotonic() < until:
            time.sleep(0.02)
        assert system.alerts.frame()["state"].tolist() == ["firing"]
    server.shutdown()
    server.server_close()
    assert received[0]["rule"] == "cache.hit_rate < 50%"
    assert received[0]["value"] == 0.0
    assert heard[0]["state"] == "firing"
    recorded = system.frames.events
    assert (recorded["name"] == "alert").sum() == len(heard)


def test_hits_without_times_make_no_rate_of_a_window() -> None:
    config = Config(
        alerts={"rules": ["cache.hit_rate < 50%"], "interval_s": 3_600},
        record={"timestamps": "off"},
        enable_auto_optimization=False,
    )
    with PerformanceSystem(config) as system:
        for number in range(200):
            system.cache.get_or_load(number % 4, lambda: "value")
        assert system.statistics()["cache"]["hit_rate"] > 0.9
        system.alerts.check()
        assert system.alerts.frame()["state"].tolist() == ["unavailable"]
