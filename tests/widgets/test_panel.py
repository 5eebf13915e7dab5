"""What a page missed while it put itself together is sent again once it shows the panel."""

from __future__ import annotations

from typing import Any

import comm
import pytest
from panels import parts, said

from perflab.widgets.look import Look
from perflab.widgets.panel import Panel, markup, row

Sent = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Give what is sent to the page from now on, as widget and state."""
    found: Sent = []

    def publish(self: comm.DummyComm, _kind: str, data: dict[str, Any] | None = None, **_: Any) -> None:
        if data is not None and data.get("method") == "update":
            found.append((self.comm_id, data["state"]))

    monkeypatch.setattr(comm.DummyComm, "publish_msg", publish)
    return found


def test_a_page_that_shows_a_panel_is_sent_all_that_the_panel_shows(sent: Sent) -> None:
    panel, chart = Panel("Chart", "test"), markup("")
    panel.fill(row([chart]))
    chart.value = "drawn while the page was put together"
    panel.say("Ready.")
    sent.clear()
    show(panel)
    assert (chart.comm.comm_id, chart.value) in [(whose, state.get("value")) for whose, state in sent]
    assert {whose for whose, _ in sent} == {part.comm.comm_id for part in parts(panel.widget)}
    assert said(panel) == "Ready."


def test_what_a_thread_draws_meanwhile_is_sent_last(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, chart = Panel("Chart", "test"), markup("old")
    panel.fill(chart)
    send = chart.send_state

    def late(names: Any) -> None:
        """Send what was read before the thread drew, after what the thread sent."""
        monkeypatch.setattr(chart, "send_state", send)
        stale = chart.get_state(names)
        chart.value = "new"
        chart._send({"method": "update", "state": stale})

    monkeypatch.setattr(chart, "send_state", late)
    show(panel)
    values = [state["value"] for whose, state in sent if whose == chart.comm.comm_id and "value" in state]
    assert values == ["new", "old", "new"]


def show(panel: Panel) -> None:
    """Tell a panel what its page tells it when it shows it."""
    (look,) = (part for part in parts(panel.widget) if isinstance(part, Look))
    look._handle_custom_msg(Look.SHOWN, [])
