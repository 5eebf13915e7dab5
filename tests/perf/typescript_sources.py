"""The sources of the npm package `typescript`, fetched once through npm.

In: nothing. Out: the folder that they lie in, or a `SkipTest` that says why there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from unittest import SkipTest

VERSION = "5.9.3"
_FOLDER = Path(__file__).parents[2] / ".perflab" / f"typescript-{VERSION}"


def typescript_sources() -> Path:
    """Return the folder with the package's `.ts` and `.js` files."""
    if not _FOLDER.exists():
        _fetch(_FOLDER)
    return _FOLDER / "package" / "lib"


def _fetch(target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SkipTest("the sources of the npm package typescript: there is no npm")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [npm, "pack", "--silent", f"typescript@{VERSION}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SkipTest(f"the sources of the npm package typescript: npm says {done.stderr.strip()!r}")
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as files:
            files.extractall(Path(folder, "out"), filter="data")
        Path(folder, "out").rename(target)
