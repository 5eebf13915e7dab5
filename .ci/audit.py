"""Asks pip-audit about every pinned version, and says plainly what was not answered.

In: a file of pins. Out: one line of counts, each finding; exit code 0 clean, 1 vulnerable, 2 where nothing was checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Audit:
    """What is known: packages that were answered for, those that were not with the reason, and findings."""

    checked: tuple[str, ...]
    unchecked: tuple[tuple[str, str], ...]
    found: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code."""
        return 1 if self.found else 2 if self.unchecked or not self.checked else 0

    def lines(self) -> list[str]:
        """Return what is to be said."""
        said = [f"{len(self.checked)} packages checked, {len(self.unchecked)} not, {len(self.found)} findings"]
        said += self.found
        for reason in dict.fromkeys(reason for _, reason in self.unchecked):
            names = [name for name, why in self.unchecked if why == reason]
            said.append(f"not checked: {', '.join(names)} ({reason})")
        if self.code == 2:
            said.append("This audit is not complete: check the names above by hand, as SECURITY.md says.")
        return said


def audit_of(document: dict[str, Any]) -> Audit:
    """Return the audit that pip-audit's JSON tells of; a package that it skips was not checked."""
    packages = document["dependencies"]
    skipped = [(one["name"], _shortened(one)) for one in packages if "skip_reason" in one]
    found = [_finding(one, finding) for one in packages for finding in one.get("vulns", ())]
    return Audit(tuple(one["name"] for one in packages if "vulns" in one), tuple(skipped), tuple(found))


def _finding(package: dict[str, Any], finding: dict[str, Any]) -> str:
    fixed = ", ".join(finding["fix_versions"]) or "nothing yet"
    return f"{package['name']} {package['version']}: {finding['id']}, fixed in {fixed}"


def _shortened(package: dict[str, Any]) -> str:
    return str(package["skip_reason"]).partition(":")[0]


def main(pins: Sequence[str]) -> int:
    """Run pip-audit and tell."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command += ["--format", "json", *(f"--requirement={file}" for file in pins)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        audit = audit_of(json.loads(ran.stdout))
    except ValueError:
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"pip-audit reached no service, so nothing was checked: {last}")
        return 2
    print("\n".join(audit.lines()))
    return audit.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
