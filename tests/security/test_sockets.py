"""What of perflab listens, and to whom: real sockets of metrics servers and of worker processes."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from perflab import Config, PerformanceSystem
from perflab.parallel import Workers
from perflab.system.serving import MetricsServer

SETPRIV = shutil.which("setpriv")
PYTHON = shutil.which("python3", path="/usr/bin")  # one that another user may start
QUIET = Config(enable_auto_optimization=False, resource_monitoring={"enabled": False})


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    with PerformanceSystem(QUIET) as system:
        system.cache.set("key", 1)
        yield system.serve_metrics()


def listening(pid: int | None = None) -> list[tuple[str, int]]:
    connections = psutil.Process(pid).net_connections("inet")
    return [tuple(found.laddr) for found in connections if found.status == psutil.CONN_LISTEN]


def answer(server: MetricsServer, host: str | None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("GET", "/metrics", skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    found = connection.getresponse()
    return found.status, found.read().decode()


def test_metrics_are_on_loopback_alone(server: MetricsServer) -> None:
    assert ("127.0.0.1", server.port) in listening()
    assert {address for address, _ in listening()} <= {"127.0.0.1", "::1"}
    outside = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    for address in outside:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, server.port), timeout=1)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.1:9109", "localhost:1", "127.0.0.9"]
)
def test_this_machines_names_are_answered(host: str, server: MetricsServer) -> None:
    status, text = answer(server, host)
    assert status == 200
    assert "perflab_run_info" in text


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.7",
        "",
        None,
        "[::2]",
        "127.0.0.1@evil",
    ],
)
def test_a_page_that_rebinds_its_name_reads_nothing(host: str | None, server: MetricsServer) -> None:
    status, text = answer(server, host)
    assert status == 421
    assert "perflab_" not in text


def test_to_listen_for_others_has_to_be_asked_for_and_is_said() -> None:
    with PerformanceSystem(QUIET) as system:
        with pytest.warns(
            RuntimeWarning, match=r"http://0\.0\.0\.0:\d+/metrics to whoever can reach.*without a password"
        ):
            server = system.serve_metrics(host="0.0.0.0")  # noqa: S104 - what is tested
        assert ("0.0.0.0", server.port) in listening()  # noqa: S104
        assert answer(server, "name.of.the.host")[0] == 200


def test_loopback_of_version_six_says_nothing_and_answers() -> None:
    with PerformanceSystem(QUIET) as system, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            server = system.serve_metrics(host="::1")
        except Exception as error:
            pytest.skip(f"this machine has no ::1 ({error})")
        with urllib.request.urlopen(server.url, timeout=10) as found:  # noqa: S310 - this test's own server
            assert found.status == 200


def test_who_connects_and_says_nothing_keeps_nobody_waiting(server: MetricsServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)):
        assert answer(server, "localhost")[0] == 200


def links(pid: int) -> dict[str, str]:
    """Return the open descriptors of a process."""
    found = {}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of this very listing
            found[descriptor.name] = str(descriptor.readlink())
    return found


def unix_names() -> dict[str, str]:
    """Return the name of each socket of this machine by its inode; empty for one without a name."""
    lines = Path("/proc/net/unix").read_text().splitlines()[1:]
    return {fields[6]: " ".join(fields[7:]) for fields in map(str.split, lines)}


@pytest.fixture(scope="module")
def workers() -> Iterator[list[int]]:
    """The process ids of a pool's workers, while it is in use."""
    with Workers(2, "processes") as pool:
        yield sorted(set(pool.map(_pid, range(8))))


def _pid(_: int) -> int:
    return os.getpid()


def test_workers_listen_nowhere(workers: list[int]) -> None:
    assert workers
    for pid in workers:
        assert listening(pid) == []


def test_the_socket_of_a_worker_has_no_name_that_another_process_could_connect_to(workers: list[int]) -> None:
    names = unix_names()
    for pid in workers:
        sockets = [link[8:-1] for link in links(pid).values() if link.startswith("socket:[")]
        assert len(sockets) == 1
        assert names[sockets[0]] == ""


def test_a_worker_holds_nothing_of_its_parents_but_its_own_socket(workers: list[int]) -> None:
    own = [link for link in links(os.getpid()).values() if link.startswith("socket:[")]
    for pid in workers:
        theirs = links(pid)
        assert not {link for link in theirs.values() if link.startswith("socket:[")} & set(own)
        others = {link for name, link in theirs.items() if name not in ("0", "1", "2")}
        assert all(link.startswith(("socket:[", "/dev/", "anon_inode:")) for link in others), others


def test_nothing_of_a_worker_is_on_its_command_line_or_in_a_file(workers: list[int]) -> None:
    for pid in workers:
        line = psutil.Process(pid).cmdline()
        assert line[1:3] == ["-P", "-c"]
        assert "pickle" not in " ".join(line)


ATTACK = """
import os, sys
for pid in map(int, sys.argv[1:]):
    for name, attempt in {
        "descriptors": lambda: os.listdir(f"/proc/{pid}/fd"),
        "memory": lambda: open(f"/proc/{pid}/mem", "rb"),
        "environment": lambda: open(f"/proc/{pid}/environ", "rb").read(),
        "signals": lambda: os.kill(pid, 0),
    }.items():
        try:
            attempt()
        except OSError:
            continue
        print(name, pid)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or SETPRIV is None or PYTHON is None, reason="needs root, setpriv, /usr/bin/python3"
)
def test_another_user_reaches_no_worker(workers: list[int]) -> None:
    other = [str(SETPRIV), "--reuid=65534", "--regid=65534", "--clear-groups"]
    found = subprocess.run(
        [*other, str(PYTHON), "-c", ATTACK, *map(str, workers)], capture_output=True, text=True, check=True, cwd="/"
    )
    assert found.stdout == ""


def test_a_module_in_the_working_folder_does_not_stand_in_for_what_a_worker_imports(tmp_path: Path) -> None:
    for name in ("struct", "pickle", "signal", "cloudpickle"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w').close()\n")
    code = "from perflab.parallel import Workers\nwith Workers(2) as pool:\n    print(list(pool.map(abs, [-1, -2])))"
    # The program itself is started as careful users start it; the worker must not be less so.
    found = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert found.stdout.strip() == "[1, 2]", found.stderr
    assert not (tmp_path / "executed").exists()
