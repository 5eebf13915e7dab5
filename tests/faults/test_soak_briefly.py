"""The soak, for ten seconds; and that it tells what is broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from soak import SCRIPT, BrokenError, check_files, check_vault
from soak_ledger import Ledger

from perflab.cache import DiskCache


@pytest.mark.fault("kills, evictions, clock steps and relief at once")
@pytest.mark.fault("killed again and again, with resizes, relief and set clocks")
def test_ten_seconds_are_clean() -> None:
    found = subprocess.run(
        [sys.executable, SCRIPT, "--minutes", "0.2", "--seed", "1"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "4 processes of 4 threads" in found.stdout
    assert "nothing lost, nothing wrong" in found.stdout


def test_an_acknowledged_value_that_is_gone_is_told(tmp_path: Path) -> None:
    ledger, mine = Ledger(tmp_path / "ledger"), (1, 2, 3)
    with DiskCache(tmp_path / "vault") as vault:
        vault.set(mine, (4, b""))
    ledger.tried[mine] = 5
    ledger.acknowledged[mine] = 4
    check_vault(tmp_path, ledger)
    ledger.acknowledged[mine] = 5
    with pytest.raises(BrokenError, match="is 4; acknowledged was 5"):
        check_vault(tmp_path, ledger)


def test_a_file_that_no_row_names_is_told(tmp_path: Path) -> None:
    with DiskCache(tmp_path / "vault") as vault:
        vault["key"] = bytes(range(256)) * 300
    check_files(tmp_path / "vault")
    (tmp_path / "vault" / "left.tmp").touch()
    with pytest.raises(BrokenError, match=r"left\.tmp"):
        check_files(tmp_path / "vault")
