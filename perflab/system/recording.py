"""The recorder of a system, also where its run folder cannot be written.

In: a folder, settings, facts. Out: a recorder into that folder; one into memory alone if the disk takes nothing.
"""

from __future__ import annotations

import errno
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perflab.config import RecordSettings
from perflab.errors import RunError
from perflab.record import Recorder
from perflab.record.running import GOES_ON, LOST

__all__ = ["begin_recording"]

_NO_DISK = frozenset((errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EIO))


def begin_recording(
    run_dir: str | os.PathLike[str] | None, settings: RecordSettings, info: Mapping[str, Any]
) -> Recorder:
    """Return a recorder; a disk that is full or read-only costs one warning, and rows stay in memory.

    Raises
    ------
    RunError
        If the folder holds a run already, is in use, or is none.
    """
    if run_dir is None:
        return Recorder(None, settings)
    try:
        return Recorder(Path(run_dir), settings, info=info)
    except RunError as error:
        if getattr(error.__cause__, "errno", None) not in _NO_DISK:
            raise
        text = str(error).removesuffix(".")
    warnings.warn(f"{text}; {GOES_ON}", RuntimeWarning, stacklevel=3)
    recorder = Recorder(None, settings)
    recorder.add("events", name=LOST, payload=json.dumps({"reason": text}))
    return recorder
