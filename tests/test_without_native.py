"""Without the module in C everything is as it is with it: the tests of what it does, run again without it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
WITHOUT = "import sys; sys.modules['perflab._native'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"


@pytest.mark.skipif(importlib.util.find_spec("perflab._native") is None, reason="perflab._native is not built")
@pytest.mark.parametrize("tested", ["cache/test_reads.py", "record/test_recorder_concurrency.py"])
def test_the_same_holds_in_python(tested: str) -> None:
    command = [sys.executable, "-c", WITHOUT, "-q", "-x", "-p", "no:cacheprovider", str(TESTS / tested)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout
