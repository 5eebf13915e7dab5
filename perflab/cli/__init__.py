"""The command line: `perflab --help` names the commands.

In: arguments. Out: text or JSON, files, and an exit code of `perflab.cli.codes`.
"""

from __future__ import annotations

from perflab.cli.app import main

__all__ = ["main"]
