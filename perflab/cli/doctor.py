"""`perflab doctor`: what works here, and what to do where something does not.

In: a config. Out: findings; the code is 1 if something fails without which perflab cannot work.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

from perflab.cli.answer import Answer, table
from perflab.cli.cache import kept_folder
from perflab.cli.codes import Exit
from perflab.config import Config
from perflab.system.checkup import checkup

__all__ = ["run"]

_MARKS = {"works": "✓", "limited": "–", "fails": "✗"}


def run(config_file: Path | None) -> Answer:
    """Look at everything that perflab needs or can use."""
    config = Config.load(config_file)
    found = checkup(config.replace(cache={"l3_dir": kept_folder(config)}))
    cells = [(finding.name, f"{_MARKS[finding.state]} {finding.state}", finding.found) for finding in found]
    remedies = [f"{finding.name}: {finding.remedy}" for finding in found if finding.remedy]
    counts = Counter(str(finding.state) for finding in found)
    said = ", ".join(f"{counts[state]} {state}" for state in _MARKS)
    code = Exit.FAILED if counts["fails"] else Exit.DONE
    return Answer(
        {"findings": [asdict(finding) for finding in found]},
        [table("This machine", ("", "state", "found"), cells), *remedies, said],
        code,
    )
