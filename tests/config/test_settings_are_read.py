"""Every setting is read by something that runs: no field is decoration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from perflab import Config, PerformanceSystem, benchmark
from perflab.cli.status import run as status


def leaves(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation)
        else:
            yield model.__name__, name


def test_a_system_and_a_benchmark_read_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[tuple[str, str]] = set()
    base = Config.__mro__[1]
    plain = base.__getattribute__

    def noting(self: BaseModel, name: str) -> object:
        read.add((type(self).__name__, name))
        return plain(self, name)

    source = tmp_path / "module.py"
    source.write_text("def one():\n    return 1\n")
    config = Config(
        cache={"l3_dir": tmp_path / "store"},
        parallel={"workers": 1},
        benchmark={"pairs": 1},
        record={"runs_dir": tmp_path / "runs"},
        alerts={"rules": ["cache.hit_rate > 2"], "webhook_url": "http://127.0.0.1:1/"},
    )
    with PerformanceSystem(config) as system:
        system.cache["page"] = "on disk"
    monkeypatch.setattr(base, "__getattribute__", noting)
    with PerformanceSystem(config, run_dir=tmp_path / "run") as system:
        assert system.warm.wait(60)
        system.process_large_file(source, len)
        system.optimize()
        for key in range(300):
            system.cache.get(key)
        system.auto.check()
        system.alerts.check()
        system.targets()
        system.record_operation("read", 0.1, related_keys=["a"])
    benchmark(lambda: 1, lambda: 1, config=config, pairs=8)
    benchmark("document-creation", config=config, source=tmp_path)
    status(None, None)
    monkeypatch.undo()
    assert set(leaves(Config)) - read == set()
