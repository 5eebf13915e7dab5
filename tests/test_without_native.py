"""Without the modules in C everything is as it is with them: the tests of what they do, run again without them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(("perflab._native", "perflab._operations", "perflab._writes")))
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
TESTED = (
    "cache/tiers/test_reads.py",
    "cache/memory/test_memory.py",
    "cache/memory/test_memory_contract.py",
    "cache/memory/test_policy.py",
    "record/test_decorate.py",
    "record/test_flight_ring.py",
    "record/test_known.py",
    "record/test_operation.py",
    "record/test_recorder_concurrency.py",
)


@pytest.mark.skipif(importlib.util.find_spec("perflab._native") is None, reason="the modules in C are not built")
@pytest.mark.parametrize("tested", TESTED)
def test_the_same_holds_in_python(tested: str) -> None:
    command = [sys.executable, "-c", WITHOUT, "-q", "-x", "-p", "no:cacheprovider", str(TESTS / tested)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout
