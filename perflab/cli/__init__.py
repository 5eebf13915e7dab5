"""The command line: `perflab benchmark`, `perflab status`, `perflab report`.

In: arguments. Out: text, a run folder, a report, and an exit code: 0 all targets pass, 1 one fails, 3 unclear,
2 an error, 130 cancelled.
"""

from __future__ import annotations

from perflab.cli.app import main

__all__ = ["main"]
