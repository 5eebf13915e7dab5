"""Whose folder a disk tier trusts, and what it makes of a database that is not one."""

from __future__ import annotations

from pathlib import Path

import pytest
from disk_cases import sql

from perflab.cache import DiskCache
from perflab.errors import StoreError


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a folder"):
        DiskCache(tmp_path / "file")


def test_a_newer_schema_and_a_foreign_database_are_refused(tmp_path: Path) -> None:
    DiskCache(tmp_path / "c").close()
    for version, whose in ((2, "newer version"), (0, "another program")):
        sql(tmp_path / "c", f"PRAGMA user_version = {version}")
        with pytest.raises(StoreError, match=f"schema version {version}.*{whose}"):
            DiskCache(tmp_path / "c")
