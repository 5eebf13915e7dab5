"""Do what the Dockerfile says, without Docker: `python tests/deploy/rehearse.py`.

Each step is taken from the Dockerfile. Its absolute folders lie below a clean folder, and what only an image's own root
can do is replaced, as `INSTEAD` says and the output tells. Then JupyterLab is started as the image starts it, a program
runs with the production settings, and the health check is asked. As root, all that is done as the image's user.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("/opt/perflab", "/source", "/var/lib/perflab", "/home/perflab")
INSTEAD = (
    (r"apt-get update &&.*", "command -v gcc", "packages of Debian: gcc has to be there"),
    (r"useradd --create-home --uid 1000 perflab", "true", "no user is made"),
    (r"--owner=perflab --group=perflab ", "", "folders are given to the user afterwards"),
    (r"\bpython -m venv\b", f"{shlex.quote(sys.executable)} -m venv", "the Python that runs this"),
)
PROGRAM = """
import sys, urllib.request
from perflab import Config, PerformanceSystem
config = Config.load(sys.argv[1])
with PerformanceSystem(config, run_dir=config.record.runs_dir / "first", label="first") as system:
    for key in range(40):
        system.cache.get_or_load(key % 8, lambda: "text")
    print(urllib.request.urlopen(system.serve_metrics().url).read().decode())
"""


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile and its arguments, on one line."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, arguments = line.partition(" ")
        yield name, arguments.strip()


class Image:
    """A clean folder that stands for an image's root, and what its Dockerfile has said until now."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root
        self.user: int | None = None
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home/perflab"),
            # The settings name folders of the image.
            "PERFLAB_RECORD__RUNS_DIR": str(root / "var/lib/perflab/runs"),
            "PERFLAB_CACHE__L3_DIR": str(root / "var/lib/perflab/cache"),
            **{
                name: value
                for name, value in os.environ.items()
                if name.startswith(("PIP_", "SSL_", "REQUESTS_", "LD_"))
            },
        }
        self.command: list[str] = []
        self.check: list[str] = []

    def take(self, name: str, arguments: str) -> None:
        """Do one instruction."""
        step = getattr(self, f"_{name.lower()}", None)
        if step is not None:
            print(f"{name} {arguments}", flush=True)
            step(self.placed(arguments))

    def placed(self, text: str) -> str:
        """Return text whose folders of the image lie below the clean folder."""
        pattern = "|".join(map(re.escape, FOLDERS))
        return re.sub(rf"(?<![\w./])({pattern})(?=[/\s:\"]|$)", lambda found: f"{self.root}{found[1]}", text)

    def run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        """Run a command as the image would."""
        return subprocess.run(command, **self.options(), text=True, check=True, **options)  # type: ignore[call-overload,no-any-return]

    def options(self) -> Mapping[str, object]:
        """What every process of the image is started with."""
        as_user = {"user": self.user, "group": self.user, "extra_groups": []} if self.user is not None else {}
        return {"cwd": self.work, "env": self.environ, **as_user}

    def _arg(self, arguments: str) -> None:
        name, _, value = arguments.partition("=")
        self.environ[name] = value

    def _env(self, arguments: str) -> None:
        for word in shlex.split(arguments):
            name, _, value = word.partition("=")
            self.environ[name] = value.replace("$PATH", self.environ["PATH"])

    def _workdir(self, arguments: str) -> None:
        self.work = Path(arguments)
        self.work.mkdir(parents=True, exist_ok=True)

    def _copy(self, arguments: str) -> None:
        if arguments != ". .":
            return  # from the stage before, which lies in the same folder
        left_out = [Path(line).name for line in (ROOT / ".dockerignore").read_text().split()]
        shutil.copytree(ROOT, self.work, ignore=shutil.ignore_patterns(*left_out), dirs_exist_ok=True)

    def _run(self, command: str) -> None:
        for pattern, instead, why in INSTEAD:
            changed = re.sub(pattern, instead, command)
            if changed != command:
                print(f"  instead of that: {why}", flush=True)
            command = changed
        self.run(["sh", "-ec", command])

    def _user(self, arguments: str) -> None:
        if os.geteuid() != 0:
            return
        if not may_start(self.root / "opt/perflab/bin/python", int(arguments)):
            print("  instead of that: root, as the user may not read this Python; try /usr/bin/python3", flush=True)
            return
        self.user = int(arguments)
        for folder in ("var/lib/perflab", "home/perflab"):
            for path in (self.root / folder, *(self.root / folder).rglob("*")):
                os.chown(path, self.user, self.user)

    def _healthcheck(self, arguments: str) -> None:
        self.check = json.loads(arguments.partition("CMD ")[2])

    def _cmd(self, arguments: str) -> None:
        self.command = json.loads(arguments)


def serve(image: Image) -> None:
    """Start what the image starts, wait until it answers, and have a program and the health check run beside it."""
    port = free_port()
    as_root = ["--allow-root"] if image.user is None and os.geteuid() == 0 else []
    command = [part.replace("8888", str(port)).replace("0.0.0.0", "127.0.0.1") for part in image.command]  # noqa: S104
    found = shutil.which(command[0], path=image.environ["PATH"])
    assert found is not None, command
    server = subprocess.Popen([found, *command[1:], *as_root], **image.options())  # type: ignore[call-overload]
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server)
        image.run(image.check)
        settings = str(image.root / "opt/perflab/deploy/perflab.toml")
        done = image.run(["python", "-c", PROGRAM, settings], capture_output=True)
        assert "perflab_cache_hit_ratio 0.8" in done.stdout, done.stdout
        image.run(image.check)
    finally:
        server.terminate()
        server.wait(30)


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(url).close()  # noqa: S310 (it is one of ours)
            return
        time.sleep(0.2)
    raise SystemExit(f"{url} did not answer within {seconds:g} s")


def may_start(program: Path, user: int) -> bool:
    """Return whether a user may start a program."""
    with contextlib.suppress(PermissionError):
        return subprocess.run([program, "-c", ""], user=user, group=user, extra_groups=[], check=False).returncode == 0
    return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Rehearse the Dockerfile of the source tree."""
    with tempfile.TemporaryDirectory(prefix="perflab-image-") as folder:
        Path(folder).chmod(0o755)
        image = Image(Path(folder))
        for name, arguments in instructions((ROOT / "Dockerfile").read_text("utf-8")):
            image.take(name, arguments)
        serve(image)
    print(
        "The image's steps were done, JupyterLab answered, a program ran and was scraped, and the health check is well."
    )


if __name__ == "__main__":
    main()
