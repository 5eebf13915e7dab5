"""A JupyterLab with settings of its own, and a page in it.

In: a folder of notebooks. Out: an open notebook whose cells can be run, with every request and message kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).parents[2]

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
}

# "Run all" that is sent before the kernel answered is dropped without a word.
READY = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.revealed;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
}"""
HAS_KERNEL = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel"
CELLS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-CodeCell"
ALL_RAN = """([error, cells]) => document.querySelector(error)
    || [...document.querySelectorAll(`${cells} .jp-InputPrompt`)]
    .every(prompt => /^\\[\\d+\\]:$/.test(prompt.textContent.trim()))"""
PROBLEMS = "application/vnd.jupyter.error", "application/vnd.jupyter.stderr"


class Lab:
    """A server on a port of its own, which reads and writes nothing of the user's."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.token = root, secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (home / "server.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *self._options()],
            env=own_environment(home),
            cwd=root,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _options(self) -> list[str]:
        return [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",
        ]

    def wait(self, limit_s: float = 60) -> Self:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            assert self._process.poll() is None, f"the server ended: {Path(self._log.name).read_text()}"
            try:
                self.api("status")
            except OSError:
                time.sleep(0.1)
            else:
                return self
        raise TimeoutError("the server did not answer")

    def api(self, path: str, method: str = "GET") -> Any:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # our own server
            return json.loads(answer.read() or "null")

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def stop(self) -> None:
        end(self._process)
        self._log.close()


class Notebook:
    """A notebook in the browser."""

    def __init__(self, browser: Browser, lab: Lab, path: str, *, height: int = 1000) -> None:
        self.lab, self.path = lab, path
        self.context = browser.new_context(viewport={"width": 1400, "height": height}, reduced_motion="reduce")
        self.page: Page = self.context.new_page()
        self.left: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self._requested(request.url))
        self.page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.open()

    def open(self, *, afresh: bool = True) -> None:
        reset = "reset&" if afresh else ""
        self.page.goto(f"{self.lab.url}/lab/tree/{self.path}?{reset}token={self.lab.token}")
        self.cells.first.wait_for(timeout=60_000)
        self.page.wait_for_function(HAS_KERNEL, timeout=60_000)
        self.page.evaluate(READY)

    @property
    def cells(self) -> Locator:
        return self.page.locator(CELLS)

    def run_all(self, limit_s: float = 120) -> None:
        self.menu("Run", "Run All Cells")
        self.page.wait_for_function(ALL_RAN, arg=[f'[data-mime-type="{PROBLEMS[0]}"]', CELLS], timeout=limit_s * 1000)

    def menu(self, menu: str, item: str) -> None:
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def theme(self, name: str) -> None:
        """Choose the theme `light` or `dark`."""
        self.page.evaluate(
            "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})",
            f"JupyterLab {name.title()}",
        )
        is_light = "true" if name == "light" else "false"
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{is_light}'")

    def save(self) -> None:
        self.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")

    def restart(self) -> None:
        """Restart the kernel, as a hand does, and wait until it answers; no cell looks as if it had run."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.page.evaluate(READY)

    def problems(self) -> list[str]:
        """Return what cells wrote to stderr or raised."""
        where = ", ".join(f'[data-mime-type="{kind}"]' for kind in PROBLEMS)
        return self.page.locator(where).all_inner_texts()

    def close(self) -> None:
        self.context.close()
        for session in self.lab.api("sessions"):
            self.lab.api(f"sessions/{session['id']}", "DELETE")

    def _requested(self, url: str) -> None:
        if not re.match(r"(https?|ws)://127\.0\.0\.1|data:|blob:", url):
            self.left.append(url)


class Voila:
    """Serves one notebook as a page; each visit runs it."""

    def __init__(self, notebook: Path, home: Path, theme: str = "light") -> None:
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self._log = (home / "voila.log").open("w")
        command = [sys.executable, "-m", "voila", str(notebook), "--no-browser", f"--port={port}", f"--theme={theme}"]
        options = ["--Voila.ip=127.0.0.1", "--show_tracebacks=True"]
        self._process = subprocess.Popen(
            [*command, *options], env=own_environment(home), cwd=notebook.parent, stdout=self._log, stderr=self._log,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self._process.poll() is None, Path(self._log.name).read_text()
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", int(self.url.rpartition(":")[2])), 1),
            ):
                return self
            time.sleep(0.1)
        raise TimeoutError(Path(self._log.name).read_text())

    def __exit__(self, *_: object) -> None:
        end(self._process)
        self._log.close()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def own_environment(home: Path) -> dict[str, str]:
    """Return an environment whose Jupyter knows no settings but those that tests need."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    for kind in ("config", "data", "runtime", "ipython", "mpl"):
        (home / kind).mkdir(parents=True, exist_ok=True)
    for plugin, settings in SETTINGS.items():
        file = home / "config" / "lab" / "user-settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    _choose_kernel(home / "data")
    return clean | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": str(home / "mpl"),
        "PATH": f"{Path(sys.executable).parent}:{clean['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), clean.get("PYTHONPATH")])),
    }


def _choose_kernel(data: Path) -> None:
    """Let notebooks run in the Python that PERFLAB_E2E_KERNEL names, by default in this one."""
    python = os.environ.get("PERFLAB_E2E_KERNEL", sys.executable)
    spec = {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3"}
    folder = data / "kernels" / "python3"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps({**spec, "language": "python", "metadata": {"debugger": True}}))


def write_notebook(path: Path, *sources: str) -> Path:
    """Write a notebook of these cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "source": text,
            "outputs": [],
            "execution_count": None,
        }
        for number, text in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    return path
