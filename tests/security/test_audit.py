"""`make audit` takes no silence for a clean result."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "audit.py"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("perflab_audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CLEAN = {"name": "numpy", "version": "2.1", "vulns": []}
SKIPPED = {"name": "zipp", "skip_reason": "Dependency not found: zipp (4.1.2)"}
VULNERABLE = {"name": "old", "version": "1.0", "vulns": [{"id": "CVE-2025-1", "fix_versions": ["1.1"]}]}


@pytest.mark.parametrize(
    ("packages", "code"),
    [
        ([CLEAN], 0),
        ([CLEAN, SKIPPED], 2),
        ([SKIPPED], 2),
        ([], 2),
        ([CLEAN, VULNERABLE], 1),
        ([SKIPPED, VULNERABLE], 1),
    ],
)
def test_only_a_whole_answer_is_clean(audit: ModuleType, packages: list[dict[str, Any]], code: int) -> None:
    assert audit.audit_of({"dependencies": packages}).code == code


def test_it_names_what_was_found_and_what_was_not_checked(audit: ModuleType) -> None:
    said = audit.audit_of({"dependencies": [CLEAN, SKIPPED, VULNERABLE]}).lines()
    assert said[0] == "2 packages checked, 1 not, 1 findings"
    assert "old 1.0: CVE-2025-1, fixed in 1.1" in said
    assert "not checked: zipp (Dependency not found)" in said


def test_without_pip_audit_nothing_counts_as_checked(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nothing = tmp_path / "python"
    nothing.write_text("#!/bin/sh\necho no route to host >&2\nexit 1\n")
    nothing.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(nothing))
    assert audit.main(["constraints.txt"]) == 2
    assert "nothing was checked: no route to host" in capsys.readouterr().out


def test_no_host_is_hard_coded() -> None:
    assert "://" not in SCRIPT.read_text("utf-8")
