"""What is told of a machine, also of odd ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab import Config
from perflab.system import checkup as module
from perflab.system.checkup import Finding, checkup


def found(config: Config | None = None, **machine: object) -> dict[str, Finding]:
    return {finding.name: finding for finding in checkup(config or Config(), **machine)}  # type: ignore[arg-type]


def test_every_finding_that_does_not_work_says_what_to_do() -> None:
    for finding in checkup(Config(), which=lambda _: None, proc=Path("/nowhere"), sys_folder=Path("/nowhere")):
        assert bool(finding.remedy) == (finding.state != "works"), finding


def test_a_bare_machine_is_limited_and_not_broken() -> None:
    bare = found(which=lambda _: None, proc=Path("/nowhere"), sys_folder=Path("/nowhere"))
    for name in ("C compiler", "pressure (PSI)", "huge pages (THP)", "browser"):
        assert bare[name].state == "limited"
    assert "fails" not in {finding.state for finding in bare.values()}


def test_programs_and_pages_are_told(tmp_path: Path) -> None:
    pages = tmp_path / "kernel/mm/transparent_hugepage"
    pages.mkdir(parents=True)
    (pages / "enabled").write_text("[always] madvise never\n")
    told = found(which=lambda name: f"/bin/{name}", sys_folder=tmp_path)
    assert told["browser"].found == "/bin/chromium"
    assert (told["huge pages (THP)"].found, told["huge pages (THP)"].state) == ("always", "limited")
    assert "echo madvise" in told["huge pages (THP)"].remedy


def test_modules_that_were_not_built_are_named_with_what_builds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NATIVE", ("_native", "_no_such"))
    told = found(which=lambda _: None)["C modules"]
    assert told.found == "not built: _no_such"
    assert "apt-get install gcc" in told.remedy
    assert "apt-get" not in found(which=lambda name: f"/bin/{name}")["C modules"].remedy


def test_folders_that_cannot_be_used_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    config = Config(record={"runs_dir": tmp_path / "file" / "runs"}, cache={"l3_dir": tmp_path / "link"})
    told = found(config)
    assert (told["folder of runs"].state, told["disk tier"].state) == ("fails", "fails")
    assert "set record.runs_dir" in told["folder of runs"].remedy
    assert "symbolic link" in told["disk tier"].remedy


def test_a_disk_smaller_than_the_tier_may_grow_is_told(tmp_path: Path) -> None:
    config = Config(cache={"l3_dir": tmp_path / "new", "l3_bytes": 1 << 50})
    told = found(config)["disk tier"]
    assert told.state == "limited"
    assert "lower cache.l3_bytes" in told.remedy
    assert not (tmp_path / "new").exists()
