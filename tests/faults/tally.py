"""What came of the faults: in, the reports of the tests that caused them; out, a line a fault, and the figures."""

from __future__ import annotations

import pytest
from fault_table import FAULTS

__all__ = ["Tally"]


class Tally:
    """What came of each fault, from the reports of the tests that caused it."""

    def __init__(self) -> None:
        self.survived: dict[str, int] = {}
        self.lost: dict[str, list[str]] = {}
        self.skipped: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, fault in report.user_properties:
            if name == "fault":
                self._note(str(fault), report)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        # After the summary of pytest, so that the figures are the last line; only where tests ran, not in a worker.
        terminal = config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and (self.survived or self.lost or self.skipped):
            for line in self.lines():
                terminal.write_line(line)

    def lines(self) -> list[str]:
        """Return a line a fault that was tried, and one with the figures."""
        caused = [fault for fault in FAULTS if fault in self.survived or fault in self.lost]
        left_out = [fault for fault in FAULTS if fault in self.skipped and fault not in caused]
        survived = len(set(caused) - set(self.lost))
        said = [self._line(fault) for fault in FAULTS if fault in caused or fault in left_out]
        return [*said, f"{len(caused)} caused, {survived} survived, {len(left_out)} skipped"]

    def _note(self, fault: str, report: pytest.TestReport) -> None:
        if report.failed:
            self.lost.setdefault(fault, []).append(report.nodeid.rpartition("::")[2])
        elif report.skipped:
            self.skipped.setdefault(fault, []).append(str(report.longrepr[2]))  # type: ignore[index]  # file, line, why
        elif report.when == "call":
            self.survived[fault] = self.survived.get(fault, 0) + 1

    def _line(self, fault: str) -> str:
        skips = "".join(f"; {reason}" for reason in sorted(set(self.skipped.get(fault, []))))
        if fault in self.lost:
            return f"NOT SURVIVED  {fault}: {', '.join(self.lost[fault])}"
        if fault in self.survived:
            return f"survived      {fault} (tests: {self.survived[fault]}{skips})"
        return f"skipped       {fault}{skips}"
