"""Recording: every operation as a row of a frame.

In: events of caches, chunkers, monitors and benchmarks. Out: pandas frames and run folders.
"""

from __future__ import annotations

from perflab.record.frames import ACCESS_EVENTS, FRAMES, SCHEMA, Column, columns
from perflab.record.operation import Operation
from perflab.record.recorder import Recorder
from perflab.record.silent import NULL_RECORDER, SilentRecorder
from perflab.record.view import Frames

__all__ = [
    "ACCESS_EVENTS",
    "FRAMES",
    "NULL_RECORDER",
    "SCHEMA",
    "Column",
    "Frames",
    "Operation",
    "Recorder",
    "SilentRecorder",
    "columns",
]
