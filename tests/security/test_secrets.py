"""Secrets of the environment, of addresses and of command lines are in nothing that a run leaves or says."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import perflab
from perflab import Config, PerformanceSystem
from perflab.bench import Command
from perflab.present.formats import EXPORTS
from perflab.redact import redacted

SECRETS = {
    "API_TOKEN": "tok-4f9a1c77e2",
    "DB_PASSWORD": "correct-horse-battery",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG",
    "MY_PRIVATE_KEY": "MIIEvQIBADANBg",
    "SERVICE_CREDENTIALS": "svc:c0ffee42",
}
ADDRESS = "https://user:hunter2-url@host.example/path?token=qs-token-778&x=1"
HOOK = "http://127.0.0.1:1/services/T000/hook-path-991"
ON_THE_LINE = "line-secret-5150"
ALL = [*SECRETS.values(), "hunter2-url", "qs-token-778", "hook-path-991", ON_THE_LINE]

PROGRAM = """
import os, sys, warnings
from pathlib import Path
from perflab import Config, PerformanceSystem
folder, address, hook = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
config = Config.load(alerts={"webhook_url": hook, "rules": ["cache.hit_rate < 100%"], "interval_s": 0.2})
with PerformanceSystem(config, run_dir=folder, label="secrets") as system:
    for number in range(40):
        system.cache.get_or_load(number, lambda: "text")
    for name in ("API_TOKEN", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "MY_PRIVATE_KEY", "SERVICE_CREDENTIALS"):
        try:
            with system.operation("login"):
                raise RuntimeError(f"refused: {os.environ[name]} at {address} by --password {sys.argv[4]}")
        except RuntimeError:
            pass
    try:
        system.process_large_file(address, len)
    except Exception as error:
        print(error)
    system.alerts.check()
    print(system, repr(config), system._repr_html_(), system.statistics())
    system._events.emit("alert", what=f"cannot reach {address}")
    system._recorder.flush()
    os._exit(3)  # killed, so that the flight ring stays
"""


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The run folder of a program with secrets everywhere, which died, and all that it said."""
    folder = tmp_path_factory.mktemp("secrets") / "run"
    environ = {**os.environ, **SECRETS, "PYTHONPATH": os.pathsep.join(sys.path), "SERVICE_URL": ADDRESS}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder), ADDRESS, HOOK, ON_THE_LINE, f"--password={ON_THE_LINE}"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 3, found.stderr
    return folder, found.stdout + found.stderr


def secrets_in(text: str) -> list[str]:
    return [secret for secret in ALL if secret in text]


def test_nothing_that_was_said_has_a_secret(left: tuple[Path, str]) -> None:
    assert "could not be posted to http://127.0.0.1:1/…" in left[1]
    assert secrets_in(left[1]) == []


def test_no_file_of_the_run_has_a_secret(left: tuple[Path, str]) -> None:
    names = {path.name.partition("-")[0] for path in left[0].rglob("*") if path.is_file()}
    assert {"run.json", "flight.ring", "operations", "events"} <= names
    for path in left[0].rglob("*"):
        if path.suffix == ".parquet":
            assert secrets_in(str(pq.read_table(path).to_pylist())) == [], path.name
        elif path.is_file():
            assert secrets_in(path.read_bytes().decode("latin-1")) == [], path.name


def test_the_errors_are_there_without_their_secrets(left: tuple[Path, str]) -> None:
    errors = perflab.open_run(left[0]).frames.operations["error"].dropna().tolist()
    assert [error for error in errors if "refused" in error] == [
        "RuntimeError: refused: … at https://…@host.example/path?token=…&x=1 by --password …"
    ] * len(SECRETS)


@pytest.mark.parametrize("kind", EXPORTS)
def test_no_export_has_a_secret(kind: str, left: tuple[Path, str], tmp_path: Path) -> None:
    path = perflab.open_run(left[0]).export(kind, tmp_path / f"out.{kind}")
    for file in [path, *(path.iterdir() if path.is_dir() else [])]:
        if file.is_file() and kind not in ("parquet", "xlsx"):  # binary; made of the frames above
            assert secrets_in(file.read_text("utf-8")) == []


def test_settings_show_whom_they_address_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    config = Config(alerts={"webhook_url": HOOK, "rules": ["cache.hit_rate < 100%"]}, enable_auto_optimization=False)
    with PerformanceSystem(config) as system:
        system.apply(config.replace(cache={"l1_policy": "sieve"}))
        told = f"{config!r}{config._repr_html_()}{system.run.info}{system!r}{caplog.text}"
    assert "http://127.0.0.1:1/…" in told
    assert secrets_in(told) == []
    assert config.alerts.webhook_url == HOOK


def test_a_command_is_named_by_its_program() -> None:
    assert Command(f"API_TOKEN={ON_THE_LINE} X=1 curl --header y").__name__ == "curl"
    assert Command(f"API_TOKEN={ON_THE_LINE}").__name__ == "command"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://me:pw@host/db", "postgres://…@host/db"),
        ("Authorization: Bearer abcdefgh12345", "Authorization: …"),
        ("sent bearer abcdefgh12345 on", "sent bearer … on"),
        ('{"password": "a b c", "user": "me"}', '{"password": …, "user": "me"}'),
        ("GET /?X-Amz-Signature=0a1b&page=2", "GET /?X-Amz-Signature=…&page=2"),
        ("--api-key s3cr3t --verbose", "--api-key … --verbose"),
        ("unexpected token: ';' in line 3", "unexpected token: ';' in line 3"),
        ("KeyError: 'token'", "KeyError: 'token'"),
        ("the password was wrong", "the password was wrong"),
        ("https://host/a@b", "https://host/a@b"),
        ("mail me@host.example", "mail me@host.example"),
    ],
)
def test_what_counts_as_a_secret(text: str, shown: str) -> None:
    assert redacted(text, {}) == shown


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    assert redacted("a" * 300_000 + "=" * 300_000, {}).startswith("aaa")


def test_a_short_value_of_a_variable_hides_no_words() -> None:
    assert redacted("all is well", {"TOKEN": "all", "PASSWORD": "", "HOME": "is well"}) == "all is well"
